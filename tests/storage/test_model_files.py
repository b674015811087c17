"""The files of a model's folder, read once into memory."""

from __future__ import annotations

from mmap import mmap
from pathlib import Path

import pytest

from aezoo.storage import model_files
from aezoo.storage.model_files import Content


def test_a_file_of_usual_size_is_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    assert Content(path).data == b"0123456789"
    assert isinstance(Content(path).data, bytes)


@pytest.mark.parametrize(("most", "kind"), [(9, mmap), (10, bytes)])
def test_a_larger_one_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, kind: type) -> None:
    monkeypatch.setattr(model_files, "AT_ONCE", most)
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    assert isinstance(Content(path).data, kind)


def test_of_a_file_beyond_its_limit_one_byte_more_is_read_so_that_its_size_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    assert [len(Content(path, limit).data) for limit in (4, 9, 10, 20)] == [5, 10, 10, 10]
