"""A folder has one writer; its model is the old one or the new one, wherever the writer is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aezoo.errors import Refused, RunFailed
from aezoo.storage import writer as folders
from aezoo.storage.writer import current, writing
from tests.storage.kills import killed

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


def filled(version: str, *others: str) -> Callable[[Path], None]:
    """A model of one version: every file says which."""

    def fill(stage: Path) -> None:
        (stage / "samples").mkdir()
        for name in ("model.safetensors", "samples/reconstructions.png", *others, "config.json"):
            (stage / name).write_text(version)

    return fill


def put(target: Path, version: str, *others: str) -> None:
    with writing(target, force=True) as writer:
        writer.replace(filled(version, *others))


def version_of(model: Path) -> str:
    """Of the model that a reader sees; all its files agree."""
    seen = current(model)
    versions = {
        (seen / name).read_text() for name in ("config.json", "model.safetensors", "samples/reconstructions.png")
    }
    versions |= {path.read_text() for path in (seen / "metrics.json", seen / "README.md") if path.exists()}
    assert len(versions) == 1, versions
    return versions.pop()


def names(model: Path) -> list[str]:
    return sorted(path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file())


@posix
@pytest.mark.parametrize("linked", [True, False], ids=["linked", "copied"])
def test_a_kill_at_any_step_leaves_the_old_model_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    def unlinked(*given: object, **named: object) -> None:
        raise PermissionError("no links here")

    if not linked:
        monkeypatch.setattr(os, "link", unlinked)
    seen, number = set(), 0
    while True:
        target = tmp_path / str(number)
        put(target, "old", "metrics.json")
        (target / "notes.txt").write_text("mine")
        over = not killed(number, put, target, "new", "README.md")
        seen.add(version_of(target))
        assert (target / "notes.txt").read_text() == "mine"
        put(target, "third", "README.md")
        assert version_of(target) == "third"
        assert names(target) == sorted(
            ["README.md", "config.json", "model.safetensors", "notes.txt", "samples/reconstructions.png"]
        )
        if over:
            break
        number += 1
    assert seen == {"old", "new"}
    assert number > 15


@posix
def test_what_a_kill_cut_short_is_brought_to_its_end_by_the_next_writer(tmp_path: Path) -> None:
    put(tmp_path, "old")
    number = 0
    while version_of(tmp_path) == "old":
        assert killed(number, put, tmp_path, "new")
        number += 1
    assert current(tmp_path) != tmp_path
    with pytest.raises(Refused, match="exists and is not empty"), writing(tmp_path, force=False):
        pass
    assert current(tmp_path) == tmp_path
    assert version_of(tmp_path) == "new"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_a_disk_that_is_full_while_files_are_moved_leaves_the_new_model_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders, "_link_all", full)
    with pytest.raises(RunFailed, match="No space left on device"):
        put(tmp_path, "new")
    monkeypatch.undo()
    assert version_of(tmp_path) == "new"
    put(tmp_path, "third")
    assert version_of(tmp_path) == "third"


def test_a_fill_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    put(tmp_path, "old")

    def full(stage: Path) -> None:
        (stage / "config.json").write_text("half")
        raise OSError(27, "File too large")

    with (
        pytest.raises(RunFailed, match="cannot be written to: File too large"),
        writing(tmp_path, force=True) as writer,
    ):
        writer.replace(full)
    assert version_of(tmp_path) == "old"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


# --- one writer --------------------------------------------------------------------------------------------


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with writing(tmp_path / "m", force=False):
        with (
            pytest.raises(
                Refused, match=rf"m is being written to by process {os.getpid()} on \S+ since \d{{4}}-"
            ) as caught,
            writing(tmp_path / "m", force=True),
        ):
            pass
        assert caught.value.exit_code == 7
    assert os.listdir(tmp_path / "m") == []
    with writing(tmp_path / "m", force=False):
        pass


def test_a_note_that_cannot_be_read_is_no_reason_to_let_a_second_writer_in(tmp_path: Path) -> None:
    with writing(tmp_path, force=False):
        (tmp_path / folders.WRITER).write_text("{")
        with pytest.raises(Refused, match="is being written to by another process"), writing(tmp_path, force=True):
            pass


@posix
def test_the_lock_of_a_process_that_was_killed_stands_in_nobody_s_way(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with writing(tmp_path, force=False):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert folders.LOCK in os.listdir(tmp_path)
    with writing(tmp_path, force=False):
        pass
    assert os.listdir(tmp_path) == []


def test_of_many_that_begin_at_the_same_instant_one_at_a_time_writes(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\nfrom aezoo.errors import Refused\nfrom aezoo.storage.writer import writing\n"
        "place = pathlib.Path(sys.argv[1])\nsys.stdin.readline()\n"
        "for _ in range(300):\n"
        "    try:\n"
        "        with writing(place / 'm', force=True):\n"
        "            (place / 'only').mkdir(); (place / 'only').rmdir()\n"
        "    except Refused:\n        pass\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    others = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    assert [other.communicate(b"\n")[1] for other in others] == [b""] * 3
    assert {other.returncode for other in others} == {0}


# --- the records of a run ----------------------------------------------------------------------------------


def test_records_grow_in_an_empty_folder_and_aside_where_a_model_is(tmp_path: Path) -> None:
    with writing(tmp_path, force=False) as writer:
        assert writer.history() == tmp_path / "metrics.jsonl"
        writer.history().write_text("old")
        writer.replace(filled("old"))
    with writing(tmp_path, force=True) as writer:
        writer.history().write_text("lost")
    assert (tmp_path / "metrics.jsonl").read_text() == "old"
    with writing(tmp_path, force=True) as writer:
        writer.history().write_text("new")
        assert (tmp_path / "metrics.jsonl").read_text() == "old"
        writer.replace(filled("new"))
    assert (tmp_path / "metrics.jsonl").read_text() == "new"


@pytest.mark.parametrize("names", [(), ("config.json",), ("model.safetensors",)])
def test_a_replacement_that_is_not_whole_takes_the_place_of_nothing(tmp_path: Path, names: tuple[str, ...]) -> None:
    target = tmp_path / "model"
    put(target, "old")
    pending = target / folders.REPLACEMENT
    pending.mkdir()
    for name in names:
        (pending / name).write_text("half")
    assert version_of(target) == "old"
    with writing(target, force=True) as writer:
        assert writer.replaces
    assert version_of(target) == "old"
    assert not pending.exists()


def test_a_file_that_cannot_be_written_is_named_by_the_place_that_it_was_for(tmp_path: Path) -> None:
    def fill(stage: Path) -> None:
        raise RunFailed(f"{stage}/model.safetensors cannot be written")

    with pytest.raises(RunFailed) as caught, writing(tmp_path, force=True) as writer:
        writer.add(fill)
    message = f"{tmp_path}/model.safetensors cannot be written"
    assert (caught.value.message, caught.value.args) == (message, (message,))


def test_a_model_without_pictures_takes_those_of_the_older_one_away_and_leaves_other_files(tmp_path: Path) -> None:
    def bare(stage: Path) -> None:
        for name in ("config.json", "model.safetensors"):
            (stage / name).write_text("new")

    put(tmp_path, "old")
    with writing(tmp_path, force=True) as writer:
        writer.replace(bare)
    assert sorted(os.listdir(tmp_path)) == ["config.json", "model.safetensors"]
    put(tmp_path, "old")
    (tmp_path / "samples" / "mine.txt").write_text("mine")
    with writing(tmp_path, force=True) as writer:
        writer.replace(bare)
    assert sorted(os.listdir(tmp_path / "samples")) == ["mine.txt"]


def test_every_folder_that_a_file_is_moved_to_is_synced_and_the_place_itself_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(folders, "sync", synced.append)
    with writing(tmp_path, force=True) as writer:
        writer.add(lambda stage: ((stage / "samples").mkdir(), (stage / "samples/a.png").write_text("x"))[0])
    assert tmp_path / "samples" in synced
    assert synced[-1] == tmp_path
    assert [path.name for path in synced[:2]] == ["samples", "a.png"]
    assert synced[2].name.startswith(".staging-")


def test_a_replacement_is_on_the_disk_before_it_is_named_and_its_name_before_it_is_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    rename, settle = os.rename, folders.settle
    monkeypatch.setattr(folders, "sync", lambda path: events.append("place" if path == tmp_path else path.name))
    monkeypatch.setattr(os, "rename", lambda *paths: (events.append("rename"), rename(*paths))[1])
    monkeypatch.setattr(folders, "settle", lambda path: (events.append("settle"), settle(path))[1])
    with writing(tmp_path, force=True) as writer:
        events.clear()
        writer.replace(filled("new"))
    start = events[: events.index("settle") + 1]
    assert {"config.json", "model.safetensors", "reconstructions.png", "samples"} <= {*start[: start.index("rename")]}
    assert start[start.index("rename") :] == ["rename", "place", "settle"]
