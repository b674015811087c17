"""Faults of the machine under a run: torn records, a clock that jumps, data that vanish, a read-only folder."""

from __future__ import annotations

import errno
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aezoo
from aezoo.errors import CheckpointWarning, Refused
from aezoo.storage.checkpoints import Checkpoints
from tests.training.at_a_step import At
from tests.training.test_resuming import files, spec, stop


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    aezoo.train(spec(), out=out)
    return files(out)


def records(out: Path) -> Path:
    """Those of a run that was stopped."""
    return out / "metrics.jsonl"


@pytest.mark.parametrize(
    "torn", [b'{"step": 13, "spl', b"\x00" * 4096, b'{"step": 13}\n{"st'], ids=["line", "zeros", "two"]
)
def test_records_that_no_state_knows_and_torn_ones_are_cut(
    tmp_path: Path, whole: dict[str, bytes], torn: bytes
) -> None:
    out = tmp_path / "out"
    stop(out)
    with records(out).open("ab") as file:
        file.write(torn)
    aezoo.resume(out)
    assert files(out) == whole


def test_records_that_a_state_knows_and_are_lost_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    stop(out)
    text = records(out).read_bytes()
    records(out).write_bytes(text[:30])
    with pytest.raises(Refused, match="does not begin with the records of the run"):
        aezoo.resume(out)


def test_a_time_of_day_that_jumps_changes_no_file(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    days = itertools.cycle([0.0, 4e9, 1e9])
    monkeypatch.setattr("time.time", lambda: next(days))
    run = aezoo.train(spec(), out=tmp_path / "out")
    assert files(tmp_path / "out") == whole
    assert 0 < run.record["seconds"] < 1e6


def test_data_that_vanish_under_a_run_are_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32))
    document: dict[str, Any] = {key: value for key, value in spec().items() if key != "data"}
    aezoo.train(document, path, out=tmp_path / "whole")
    aezoo.train(document, path, out=tmp_path / "out", progress=At(9, path.unlink))
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_a_folder_that_turns_read_only_ends_no_run_before_its_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Checkpoints.write

    def write(store: Checkpoints, position: Any, *state: Any) -> None:
        if 6 < position.step < 20:
            raise OSError(errno.EROFS, "Read-only file system")
        written(store, position, *state)

    monkeypatch.setattr(Checkpoints, "write", write)
    with pytest.warns(CheckpointWarning, match="after step 7: .*Read-only file system") as told:
        run = aezoo.train(spec(), out=tmp_path / "out", checkpoint_every=0)
    assert len(told) == 1
    assert run.record["ended"] == "finished"
