"""Processes that share a run: they train what one trains, one alone writes, and what is lost or stopped goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.storage.checkpoints import Checkpoints
from aezoo.testing.processes import environment, faults_of_processes, meeting_place
from tests.training.test_state import RUNS, small

#: Runs that differ from one process in a way that is known, and what is said of it.
REFUSED = {
    "dropped attention": {
        "input": [2, 4],
        "data": {"type": "ar1", "n": 60, "length": 4, "channels": 2, "eigenvalues": None},
        "encoder": [{"type": "attention"}, {"type": "transformer", "heads": 1, "dropout": 0.5}],
        "latent": {"type": "deterministic", "dim": 2},
        "regularizers": {},
    },
    "going back": {"training": {"on_nonfinite": "rollback"}},
}
MORE = {
    "unequal shares": {"training": {"batch_size": 33}},
    "micro-batches": {"training": {"batch_size": 33, "micro_batch": 10}},
    "free bits": {"regularizers": {"kl": {"free_bits": 0.2}}},
    "rates": {
        "latent": {"type": "deterministic", "dim": 3, "activation": "sigmoid"},
        "regularizers": {"rate": {"type": "kl_sparsity", "rho": 0.2, "momentum": 0.5}},
    },
    "batches of one": {"data": {"n": 23}, "training": {"batch_size": 1, "epochs": 1}},
}


#: Of those that are stopped after each step; one that goes back is refused.
SHARED = {name: changes for name, changes in RUNS.items() if "rollback" not in str(changes)}


@pytest.fixture(scope="module")
def faults() -> dict[str, list[str]]:
    """Of all these runs, in one pair of processes: to import torch takes longer than they do."""
    documents = {**SHARED, **MORE, **REFUSED}
    specs = {name: aezoo.read(_without_none(small(**changes))) for name, changes in documents.items()}
    return faults_of_processes(specs)


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "data": {name: value for name, value in document["data"].items() if value is not None}}


@pytest.mark.parametrize("name", [*SHARED, *MORE])
def test_two_processes_train_what_one_trains(name: str, faults: dict[str, list[str]]) -> None:
    assert faults.get(name, []) == []


def test_going_back_is_refused(faults: dict[str, list[str]]) -> None:
    assert faults["going back"] == ['training.on_nonfinite = "rollback" is not there for 2 processes']


def test_a_part_that_draws_for_its_own_samples_alone_is_refused_by_name(faults: dict[str, list[str]]) -> None:
    assert faults["dropped attention"] == [
        "this spec cannot be trained in 2 processes: the output of encoder.1 is not what it is in one"
    ]


# --- the command line ---------------------------------------------------------------------------------------


class Pair:
    """Two processes of one command."""

    def __init__(self, *words: str | Path) -> None:
        self.place = meeting_place()
        command = [sys.executable, "-m", "aezoo", *map(str, words)]
        self.processes = [
            subprocess.Popen(
                command,
                env=environment(rank, 2, self.place) | {"AEZOO_PROGRESS": "0"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(2)
        ]

    def ended(self) -> list[tuple[int, str, str]]:
        """Exit code, stdout and stderr of each."""
        said = [process.communicate(timeout=300) for process in self.processes]
        return [(process.returncode, *streams) for process, streams in zip(self.processes, said, strict=True)]


def wait_for_state(folder: Path, at_work: subprocess.Popen[str], after: int = 0) -> None:
    """Until a process has kept a later state; no longer than it lives."""
    while not any(position.step > after for position in Checkpoints(folder).positions()):
        assert at_work.poll() is None, "it ended without a further state"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # So many steps that it is at work when it is killed, however slow the machine.
    path = tmp_path_factory.mktemp("spec") / "small.json"
    document = small(training={"epochs": 160}, data={"test": 0.2, "validation": 0.1})
    path.write_text(json.dumps(document))
    return path


def test_a_run_goes_on_in_another_number_of_processes_until_it_is_what_one_trains(spec: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    pair = Pair("train", spec, "--out", folder, "--checkpoint-every", "0")
    wait_for_state(folder, pair.processes[0])
    pair.processes[1].kill()
    (code, _, said), _ = pair.ended()
    assert code == 6
    assert "error: another process of the run has ended, or does not answer" in said

    one = subprocess.Popen(
        [sys.executable, "-m", "aezoo", "resume", str(folder), "--checkpoint-every", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    _, said = one.communicate(timeout=300)
    assert one.returncode == 7
    assert "processes: 2 -> 1" in said
    after = Checkpoints(folder).positions()[0].step
    one = subprocess.Popen(
        [sys.executable, "-m", "aezoo", "resume", str(folder), "--allow-inexact", "--checkpoint-every", "0"], text=True
    )
    wait_for_state(folder, one, after + 20)
    one.send_signal(signal.SIGTERM)
    assert one.wait(timeout=300) == 75

    pair = Pair("train", spec, "--out", folder, "--resume", "auto", "--allow-inexact", "--checkpoint-every", "5")
    wait_for_state(folder, pair.processes[0], Checkpoints(folder).positions()[0].step)
    pair.processes[1].send_signal(signal.SIGTERM)  # told to one, and agreed on
    (code, _, said), (other, _, silent) = pair.ended()
    assert (code, other, silent) == (75, 75, "")
    assert f"aezoo resume {folder}" in said

    pair = Pair("resume", folder, "--allow-inexact", "--json")
    (code, said, _), (other, silent, _) = pair.ended()
    assert (code, other, silent) == (0, 0, "")
    record = json.loads(said)["record"]
    assert record["exact"] is False
    assert len(record["resumed"]) == 3
    run = aezoo.train(aezoo.read(spec), device="cpu")
    assert record["steps"] == run.record["steps"]
    model = aezoo.load(folder)
    for name, value in run.model.network.state_dict().items():
        # 800 steps of Adam carry the rounding of the first on.
        torch.testing.assert_close(model.network.state_dict()[name], value, rtol=0.02, atol=0.02)
    scores = json.loads(said)["scores"]
    assert scores["metrics"] == pytest.approx(aezoo.evaluate(model).metrics, rel=1e-5)


def test_codes_and_scores_are_those_of_one_process_bit_for_bit_in_their_order(spec: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    aezoo.train(aezoo.read(spec, overrides=["training.epochs=1"]), out=folder, device="cpu")
    model = aezoo.load(folder)
    x = np.random.default_rng(0).standard_normal((37, 6)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    words = (tmp_path / "x.npy", "--batch-size", "8", "--device", "cpu")
    for code, _, said in Pair("encode", folder, *words, "--out", tmp_path / "codes.npy").ended():
        assert (code, said) == (0, "")
    assert np.array_equal(np.load(tmp_path / "codes.npy"), model.encode(x, batch_size=8))
    (code, said, _), (other, silent, _) = Pair("score", folder, *words, "--json").ended()
    assert (code, other, silent) == (0, 0, "")
    assert [row["score"] for row in json.loads(said)] == model.score(x, batch_size=8).tolist()
