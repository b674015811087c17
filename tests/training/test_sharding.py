"""Weights in parts, one in each process: the numbers, and states that any number of processes goes on from."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import aezoo
from aezoo.building.builder import objective_of
from aezoo.errors import Resumable, UsageError
from aezoo.storage.checkpoints import Checkpoints
from aezoo.testing.processes import run_processes
from aezoo.training.distributed.sharding import reasons_against
from tests.training.at_a_step import At
from tests.training.test_processes import MORE
from tests.training.test_state import RUNS, small

#: Runs that are sharded.
SHARED = (
    "average",
    "corruption and dropout",
    "batch norm",
    "momentum",
    "adamw",
    "schedule free",
    "micro batches",
    "learned variance",
    "unequal shares",
)
#: What cannot be sharded, and what is said of it.
REFUSED = {
    "adafactor": "the optimizer 'adafactor' moves a part of a weight otherwise than the whole",
    "muon": "the optimizer 'muon' moves a part of a weight otherwise than the whole",
    "lbfgs": "the optimizer 'lbfgs' moves a part of a weight otherwise than the whole",
    "constraint": "constraints write to whole weights",
    "schedule free, rolled back": 'training.on_nonfinite = "rollback" keeps copies of whole states',
}
#: Compares runs, and trains and stops others: all in one pair of processes, since these import torch and its shards.
WORK = """
import json, shutil, signal, sys, warnings
from pathlib import Path

import aezoo
from aezoo.errors import Resumable
from aezoo.hardware.processes import is_first
from aezoo.testing.processes import compare
from tests.training.at_a_step import At

warnings.simplefilter("ignore")
compare(Path(sys.argv[1]))
job = json.load(open(sys.argv[1]))
how = {"device": "cpu", "shard": True}
aezoo.train(job["spec"], out=job["whole"], **how)
stop = At(7, lambda: signal.raise_signal(signal.SIGTERM))
try:
    aezoo.train(job["spec"], out=job["stopped"], progress=stop, checkpoint_steps=3, **how)
except Resumable:
    if is_first():
        shutil.copytree(job["stopped"], job["copy"])
    aezoo.resume(job["stopped"], checkpoint_steps=3)
aezoo.resume(job["single"], allow_inexact=True, shard=True)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A sharded run, one that was stopped and went on, a copy of its state; one of one process that went on sharded."""
    folder = tmp_path_factory.mktemp("runs")
    spec = small(training={"ema": 0.9, "batch_size": 30}, data={"test": 0.1})
    paths = {name: folder / name for name in ("whole", "stopped", "copy", "single", "faults.json")}
    stop = At(7, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Resumable):
        aezoo.train(spec, out=paths["single"], device="cpu", progress=stop)
    documents = {**RUNS, **MORE}
    specs = {name: aezoo.read(small(**documents[name])).document() for name in (*SHARED, *REFUSED)}
    job = {"specs": specs, "overrides": [], "shard": True, "spec": spec}
    (folder / "job.json").write_text(json.dumps({**job, **{name: str(path) for name, path in paths.items()}}))
    run_processes(["-c", WORK, str(folder / "job.json")], 2)
    return paths


@pytest.fixture(scope="module")
def faults(runs: dict[str, Path]) -> dict[str, list[str]]:
    """Of the runs that are compared."""
    found: dict[str, list[str]] = json.loads(runs["faults.json"].read_text())
    return found


@pytest.mark.parametrize("name", SHARED)
def test_a_sharded_run_trains_what_one_process_trains(name: str, faults: dict[str, list[str]]) -> None:
    assert faults.get(name, []) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_sharded_is_refused_by_name(name: str, faults: dict[str, list[str]]) -> None:
    assert faults[name] == [f"this run cannot be sharded: {REFUSED[name]}"]


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        ({"precision": "float16"}, "scales gradients of whole weights"),
        ({"precision": "fast"}, "may choose another order"),
        ({"compile": True}, "are of whole weights"),
        ({"recompute": True}, "are of whole weights"),
    ],
)
def test_arithmetic_of_whole_weights_is_refused(training: dict[str, Any], reason: str) -> None:
    spec = aezoo.read(small(training={**training, "seed": 0}))
    objective = objective_of(aezoo.build(spec), steps=1)
    assert [each for each in reasons_against(objective, spec.training) if reason in each]
    ordered = spec.training.model_copy(update={"channels_last": True})  # of images alone: no spec of rows says it
    assert any("channels_last" in each for each in reasons_against(objective, ordered))


def test_players_that_take_turns_are_refused() -> None:
    spec = aezoo.read(small())
    objective = objective_of(aezoo.build(spec), steps=1)
    objective.players = ("model", "critic")
    assert [*reasons_against(objective, spec.training)] == ["several players take turns in it"]


def test_one_process_has_nothing_to_deal_out() -> None:
    with pytest.raises(UsageError, match="and there is one"):
        aezoo.train(small(), shard=True)


# --- states ------------------------------------------------------------------------------------------------


def weights(folder: Path) -> dict[str, Any]:
    return aezoo.load(folder, device="cpu").network.state_dict()


def assert_close(folder: Path, other: Path) -> None:
    expected = weights(other)
    for name, value in weights(folder).items():
        # Adam carries the rounding of sums in another order on, over twenty steps.
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)


def test_a_sharded_run_that_was_stopped_ends_in_the_same_bits(runs: dict[str, Path]) -> None:
    for name in ("model.safetensors", "config.json", "metrics.jsonl", "metrics.json"):
        assert (runs["stopped"] / name).read_bytes() == (runs["whole"] / name).read_bytes(), name
    record = json.loads((runs["stopped"] / "training.json").read_text())
    assert (record["sharded"], record["exact"], record["resumed"]) == (True, True, [8])


def test_a_state_is_files_of_each_process_and_nothing_else_that_could_be_code(runs: dict[str, Path]) -> None:
    store = Checkpoints(runs["copy"])
    assert [position.step for position in store.positions()] == [8, 6]
    shards = [f"shard-0000{rank}-model-00001-of-00001.safetensors" for rank in (1, 2)]
    assert sorted(path.name for path in (store.folder / "8.1").iterdir()) == ["manifest.json", *shards, "state.json"]


def test_a_damaged_part_is_noticed_and_the_state_before_takes_its_place(runs: dict[str, Path]) -> None:
    store = Checkpoints(runs["copy"])
    path = store.folder / "8.1" / "shard-00002-model-00001-of-00001.safetensors"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        checkpoint, damages = store.newest()
        assert checkpoint is not None
        assert checkpoint.position.step == 6
        assert damages == [f"{path} is not as it was written"]
        path.unlink()
        assert store.newest()[1] == damages
        path.write_bytes(whole)
        stray = path.with_name("shard-00003-model-00001-of-00001.safetensors")
        stray.write_bytes(whole)
        assert store.newest()[1] == [f"{path.parent} holds what no run wrote: {stray.name}"]
        stray.unlink()
    finally:
        path.write_bytes(whole)


def test_one_process_goes_on_from_a_sharded_state(runs: dict[str, Path]) -> None:
    with pytest.raises(aezoo.errors.Refused, match="processes: 2 -> 1; sharded: yes -> none"):
        aezoo.resume(runs["copy"])
    run = aezoo.resume(runs["copy"], allow_inexact=True)
    assert "sharded" not in run.record
    assert run.record["exact"] is False
    assert_close(runs["copy"], runs["whole"])


def test_a_sharded_run_goes_on_from_the_state_of_one_process(runs: dict[str, Path]) -> None:
    record = json.loads((runs["single"] / "training.json").read_text())
    assert (record["sharded"], record["exact"], record["resumed"]) == (True, False, [7])
    assert_close(runs["single"], runs["whole"])
