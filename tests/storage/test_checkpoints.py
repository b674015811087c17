"""States on a disk: two of them, whole or not counted, wherever the writer is killed and whatever becomes of a byte."""

from __future__ import annotations

import math
import os
import random
import shutil
import signal
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch

from aezoo import files
from aezoo.errors import Refused, RunFailed
from aezoo.storage import checkpoints as module
from aezoo.storage.checkpoints import NAME, Checkpoints, Position
from tests.storage.kills import killed

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


def tensors(step: int) -> dict[str, torch.Tensor]:
    return {
        "objective/w": torch.full((3, 2), float(step)),
        "objective/half": torch.full((2,), step, dtype=torch.bfloat16),
        "players/0/step": torch.tensor(step),
        "best/empty": torch.zeros(0, 4),
    }


def write(store: Checkpoints, step: int, epoch: int = 0) -> None:
    document = {"step": step, "best": math.inf, "loss": 0.1 * step}
    store.write(Position(step, epoch), document, tensors(step), {"exact": True, "resumed": [1]})


def step_of(store: Checkpoints) -> int | None:
    """Of the newest state; all of it agrees."""
    newest, _ = store.newest()
    if newest is None:
        return None
    step = newest.position.step
    assert newest.document == {"step": step, "best": math.inf, "loss": 0.1 * step}
    assert newest.facts["exact"] is True
    expected = tensors(step)
    assert newest.tensors.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(newest.tensors[name], value)
        assert newest.tensors[name].dtype == value.dtype
    return step


def test_a_state_is_read_as_it_was_written_and_two_are_kept(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    assert store.newest() == (None, [])
    for step in (5, 10, 100):
        write(store, step)
        assert step_of(store) == step
    assert store.positions() == [(100, 0), (10, 0)]
    assert sorted(path.name for path in (tmp_path / NAME).iterdir()) == ["10.0", "100.0"]


def test_states_of_one_step_before_and_after_the_end_of_its_epoch_are_two(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    write(store, 10, epoch=1)
    write(store, 10, epoch=2)
    assert store.positions() == [(10, 2), (10, 1)]


def test_what_is_run_is_noted_before_the_first_state_and_in_place_of_what_was_there(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    assert store.run() is None
    write(store, 5)
    store.begin({"spec": {"name": "a"}})
    assert store.run() == {"spec": {"name": "a"}}
    assert store.positions() == []
    (tmp_path / NAME / "run.json").write_text("{}")
    assert store.run() is None


def test_without_a_state_nothing_is_left_behind(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    store.sweep()
    store.begin({})
    store.sweep()
    assert not (tmp_path / NAME).exists()
    write(store, 5)
    store.sweep()
    assert step_of(store) == 5
    store.clear()
    assert list(tmp_path.iterdir()) == []


def test_any_damage_of_the_newest_is_found_and_the_one_before_it_taken(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    write(store, 5)
    write(store, 10)
    newest = tmp_path / NAME / "10.0"
    draw = random.Random(0)
    whole = {path.name: path.read_bytes() for path in newest.iterdir()}
    assert sorted(whole) == [
        *("best.safetensors", "manifest.json", "objective.safetensors", "players.safetensors", "state.json"),
    ]
    for trial in range(120):
        name = sorted(whole)[trial % len(whole)]
        data = bytearray(whole[name])
        if trial % 3:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        else:
            data = data[: draw.randrange(len(data))]
        (newest / name).write_bytes(data)
        found, faults = store.newest()
        assert found is not None
        assert found.position.step == 5
        assert len(faults) == 1
        assert "is not as it was written" in faults[0]
        (newest / name).write_bytes(whole[name])
    assert step_of(store) == 10


@pytest.mark.parametrize("name", ["manifest.json", "state.json", "objective.safetensors"])
def test_a_file_that_is_gone_is_a_damage(tmp_path: Path, name: str) -> None:
    store = Checkpoints(tmp_path)
    write(store, 5)
    write(store, 10)
    (tmp_path / NAME / "10.0" / name).unlink()
    assert step_of(store) == 5


def test_a_state_under_the_name_of_another_does_not_count(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    write(store, 5)
    shutil.copytree(tmp_path / NAME / "5.0", tmp_path / NAME / "7.0")
    assert step_of(store) == 5
    store.keep_up_to(Position(5, 0))
    assert store.positions() == [(5, 0)]


def test_where_all_are_damaged_each_is_named(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    for step in (5, 10):
        write(store, step)
        (tmp_path / NAME / f"{step}.0" / "state.json").write_text("{}")
    found, faults = store.newest()
    assert found is None
    assert [f"{step}.0" in fault for step, fault in zip((10, 5), faults, strict=True)] == [True, True]


def test_every_file_is_on_the_disk_before_the_state_has_its_name_and_the_name_before_the_old_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Checkpoints(tmp_path)
    for step in (5, 10):
        write(store, step)
    calls: list[tuple[str, str]] = []

    def recorded(name: str, true: Any) -> Any:
        def call(path: Path, *given: Any) -> Any:
            calls.append((name, path.name))
            return true(path, *given)

        return call

    sync = recorded("sync", files.sync)
    for each in (files, module):
        monkeypatch.setattr(each, "sync", sync)
    monkeypatch.setattr(Path, "rename", recorded("rename", Path.rename))
    monkeypatch.setattr(module, "_remove", recorded("remove", module._remove))
    write(store, 15)
    renamed = next(i for i, (name, _) in enumerate(calls) if name == "rename")
    stage = calls[renamed][1]
    # A temporary file is synced before it takes its name, its folder after.
    assert [name for name, path in calls[:renamed] if path.endswith(".tmp")] == ["sync"] * 5
    assert calls[renamed - 1] == ("sync", stage)
    assert calls[renamed + 1 :] == [("sync", NAME), ("remove", "5.0")]


@posix
def test_a_kill_while_all_are_removed_leaves_all_or_none(tmp_path: Path) -> None:
    seen, number, over = set(), 0, False
    while not over:
        store = Checkpoints(tmp_path / str(number))
        store.folder.parent.mkdir()
        for step in (5, 10):
            write(store, step)
        over = not killed(number, store.clear)
        newest, faults = store.newest()
        assert faults == []
        seen.add(newest and newest.position.step)
        number += 1
    assert seen == {None, 10}


@posix
def test_a_kill_at_any_step_leaves_a_whole_state_and_never_an_older_one_than_before(tmp_path: Path) -> None:
    seen, number = set(), 0
    while True:
        store = Checkpoints(tmp_path / str(number))
        store.folder.parent.mkdir()
        for step in (5, 10):
            write(store, step)
        over = not killed(number, write, store, 15)
        newest = step_of(store)
        seen.add(newest)
        assert newest is not None
        store.keep_up_to(Position(newest, 0))
        write(store, 20)
        assert step_of(store) == 20
        assert {path.name for path in store.folder.iterdir()} == {"20.0", f"{newest}.0"}
        if over:
            break
        number += 1
    assert seen == {10, 15}
    assert number > 15


def test_a_disk_that_is_too_small_is_told_from_before_with_both_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Checkpoints(tmp_path)
    write(store, 5)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(9, 9, 3 << 10))
    with pytest.raises(RunFailed, match="a checkpoint needs 1 MiB, 3 KiB are free"):
        write(store, 10)
    assert step_of(store) == 5


@pytest.mark.parametrize("call", ["rename", "mkdir"])
def test_a_state_that_cannot_be_written_leaves_the_one_before_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store = Checkpoints(tmp_path)
    write(store, 5)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, call, full)
    with pytest.raises(RunFailed, match="cannot be written to: No space left on device"):
        write(store, 10)
    monkeypatch.undo()
    assert step_of(store) == 5
    assert [path.name for path in (tmp_path / NAME).iterdir()] == ["5.0"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a limit of a process")
def test_under_a_limit_of_file_size_the_one_before_stays(tmp_path: Path) -> None:
    import resource

    store = Checkpoints(tmp_path)
    write(store, 5)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
        try:
            write(store, 10)
        except RunFailed:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert step_of(store) == 5
    assert [path.name for path in (tmp_path / NAME).iterdir()] == ["5.0"]


def test_a_signed_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(module._signed({"a": 1}))
    assert module._verified(path) == {"a": 1}
    path.write_text(path.read_text().replace(" ", "  ", 1))
    with pytest.raises(Refused):
        module._verified(path)
