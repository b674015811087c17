"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from aezoo.errors import NotFound, RunFailed
from aezoo.files import atomic_write, replacing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_bytes_and_text_arrive_as_they_are(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a.bin", b"\x00\xff\r\n")
    atomic_write(str(tmp_path / "b.txt"), "σ² = 1\n")
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\xff\r\n"
    assert (tmp_path / "b.txt").read_bytes() == "σ² = 1\n".encode()


def test_an_existing_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", "old and longer")
    atomic_write(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_write(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_writer_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", "old")

    def interrupted() -> None:
        with replacing(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_the_new_file_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("half")
        assert temporary.parent == tmp_path
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_text() == "half"


def test_file_and_folder_are_synced_around_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    replace, fsync = os.replace, os.fsync

    def spied_replace(source: Path, target: Path) -> None:
        seen.append("rename")
        replace(source, target)

    def spied_fsync(handle: int) -> None:
        seen.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "replace", spied_replace)
    monkeypatch.setattr(os, "fsync", spied_fsync)
    atomic_write(tmp_path / "a", "x")
    assert seen == ["file", "rename", "folder"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere: no such folder"):
        atomic_write(tmp_path / "nowhere" / "a", "x")


def test_a_name_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "inside").touch()
    with pytest.raises(RunFailed, match=r"a cannot be written: .+"):
        atomic_write(tmp_path / "a", "x")
    assert names(tmp_path) == ["a"]


def test_the_longest_name_that_a_folder_takes_can_be_written(tmp_path: Path) -> None:
    atomic_write(tmp_path / ("n" * 255), "x")
    assert len(names(tmp_path)) == 1


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o600)
    atomic_write(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)
