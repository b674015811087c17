"""Processes that share a run: they train what one trains, one alone writes, and what is lost or stopped goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import RunFailed, UsageError
from aezoo.spec.document import Spec
from aezoo.storage.checkpoints import Checkpoints
from aezoo.testing.processes import environment, faults_of_processes, meeting_place, run_processes
from aezoo.training.curing import cure
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
#: Runs whose losses turn not finite: by their rate, or by one sample, whose name is in what is said.
LOST: dict[str, dict[str, Any]] = {
    "lost": {"training": {"optimizer": {"type": "sgd", "lr": 3.0}}},
    "going back": {"training": {"optimizer": {"type": "sgd", "lr": 3.0}, "on_nonfinite": "rollback"}},
    "spoilt": {"data": {"type": "file"}, "encoder": [{"type": "linear", "features": 64}]},
    "spoilt in parts": {
        "data": {"type": "file"},
        "encoder": [{"type": "linear", "features": 64}],
        "training": {"micro_batch": 10},
    },
    "leaving a batch out": {"data": {"type": "file"}, "training": {"on_nonfinite": "rollback"}},
    "leaving parts out": {"data": {"type": "file"}, "training": {"on_nonfinite": "rollback", "micro_batch": 10}},
}


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Spec]:
    """Those runs; their samples are those of the others, but for one."""
    path = tmp_path_factory.mktemp("data") / "x.npy"
    values = np.random.default_rng(0).standard_normal((200, 6))
    values[77] = 1.7e308
    np.save(path, values)
    document = {name: small(**changes) for name, changes in LOST.items()}
    for each in document.values():
        each["training"]["best_by"] = "last"
        if each["data"]["type"] == "file":
            each["data"] = {"type": "arrays", "path": str(path), "test": 0.0}
    return {name: aezoo.read(each) for name, each in document.items()}


@pytest.fixture(scope="module")
def faults(lost: dict[str, Spec]) -> dict[str, list[str]]:
    """Of all these runs, in one pair of processes: to import torch takes longer than they do."""
    documents = {**RUNS, **MORE, **REFUSED}
    specs = {name: aezoo.read(_without_none(small(**changes))) for name, changes in documents.items()}
    return faults_of_processes({**specs, **lost})


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "data": {name: value for name, value in document["data"].items() if value is not None}}


@pytest.mark.parametrize("name", [*RUNS, *MORE, *LOST])
def test_two_processes_train_what_one_trains(name: str, faults: dict[str, list[str]]) -> None:
    assert faults.get(name, []) == []


def test_a_part_that_draws_for_its_own_samples_alone_is_refused_by_name(faults: dict[str, list[str]]) -> None:
    assert faults["dropped attention"] == [
        "this spec cannot be trained in 2 processes: the output of encoder.1 is not what it is in one"
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_runs_that_are_lost_go_back_or_name_the_sample(lost: dict[str, Spec]) -> None:
    """In one process; the others say and do the same."""
    said = {}
    for name, spec in lost.items():
        try:
            run = aezoo.train(aezoo.read(spec.document(), overrides=["training.precision='float64'"]), device="cpu")
            said[name] = str(run.record["rollbacks"])
        except RunFailed as error:
            said[name] = error.message
    assert "at 0.5 of the rate" in said["going back"]
    assert said["spoilt"].endswith("rows of sample 77")
    assert "rows of" not in said["spoilt in parts"]  # they are of a part of the batch
    assert "without the batch of step 1" in said["leaving a batch out"]
    assert said["leaving a batch out"] == said["leaving parts out"]


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


#: Runs one command after another in a process, and notes the exit code of each and what it said.
COMMANDS = """
import contextlib, io, json, os, sys
from aezoo.cli import main

said = []
for words in json.load(open(sys.argv[1])):
    streams = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            main(words)
        except SystemExit as end:
            said.append([end.code, *(stream.getvalue() for stream in streams)])
with open(f"{sys.argv[1]}.{os.environ['RANK']}", "w") as file:
    json.dump(said, file)
"""


def test_verbs_give_what_they_give_in_one_process_bit_for_bit_and_one_process_writes(
    spec: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    aezoo.train(aezoo.read(spec, overrides=["training.epochs=1"]), out=folder, device="cpu")
    model = aezoo.load(folder, device="cpu")
    x = np.random.default_rng(0).standard_normal((37, 6)).astype("float32")
    codes = model.encode(x, batch_size=8)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "z.npy", codes)
    small, out = ["--batch-size", "8", "--device", "cpu"], [str(tmp_path / f"{i}.npy") for i in range(4)]
    words = [
        ["encode", str(folder), str(tmp_path / "x.npy"), "--out", out[0], *small],
        ["decode", str(folder), str(tmp_path / "z.npy"), "--out", out[1], *small],
        ["reconstruct", str(folder), str(tmp_path / "x.npy"), "--out", out[2], *small],
        ["sample", str(folder), "-n", "5", "--seed", "3", "--out", out[3], "--device", "cpu"],
        ["score", str(folder), str(tmp_path / "x.npy"), *small, "--json"],
        ["evaluate", str(folder), "--device", "cpu", "--json"],
        ["sweep", str(spec), "training.seed=0..1", "--out", str(tmp_path / "sweep")],
    ]
    (tmp_path / "job").write_text(json.dumps(words))
    run_processes(["-c", COMMANDS, str(tmp_path / "job")], 2)
    first, second = (json.loads((tmp_path / f"job.{rank}").read_text()) for rank in range(2))
    assert [code for code, *_ in first] == [code for code, *_ in second] == [0] * 6 + [2]
    assert all(streams == ["", ""] for _, *streams in second)
    expected = codes, model.decode(codes, batch_size=8), model.reconstruct(x, batch_size=8), model.sample(5, seed=3)
    for path, values in zip(out, expected, strict=True):
        assert np.array_equal(np.load(path), values)
    assert [row["score"] for row in json.loads(first[4][1])] == model.score(x, batch_size=8).tolist()
    scores, alone = json.loads(first[5][1]), aezoo.evaluate(model)
    assert scores["metrics"] == pytest.approx(alone.metrics, rel=1e-5)  # sums in another order
    assert scores["baseline"] == alone.baseline
    assert first[6][2].startswith("error: aezoo sweep is not made for 2 processes\nhint: start it without torchrun;")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("work", [lambda out: aezoo.sweep({}, out=out), lambda out: aezoo.fit("digits", out=out), cure])
def test_what_one_process_does_is_refused_from_python_too(
    work: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="is not made for 2 processes"):
        work(tmp_path)
