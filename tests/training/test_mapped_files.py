"""A mapped file that was written to during a run is noticed; one that was replaced is still what it was."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from aezoo.errors import DataError
from aezoo.training.mapped_files import MappedFiles


@pytest.fixture
def mapped(tmp_path: Path) -> np.ndarray:
    np.save(tmp_path / "d.npy", np.arange(12.0))
    return np.load(tmp_path / "d.npy", mmap_mode="r")


@pytest.mark.parametrize("part", [slice(None), slice(3, 9)], ids=["whole", "a view"])
def test_a_mapped_file_that_is_written_to_is_refused(tmp_path: Path, mapped: np.ndarray, part: slice) -> None:
    samples = MappedFiles(mapped[part])
    samples.refuse_changed()
    os.utime(tmp_path / "d.npy", ns=(1, 1))
    with pytest.raises(DataError, match=r"d\.npy was changed while the run worked"):
        samples.refuse_changed()


def test_a_mapped_file_that_grows_within_a_tick_of_the_clock_is_refused(tmp_path: Path, mapped: np.ndarray) -> None:
    path = tmp_path / "d.npy"
    before = path.stat()
    samples = MappedFiles(mapped)
    with path.open("ab") as file:
        file.write(b"more")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataError, match="was changed"):
        samples.refuse_changed()


def test_a_mapped_file_that_is_gone_or_replaced_is_still_what_it_was(tmp_path: Path, mapped: np.ndarray) -> None:
    samples = MappedFiles(mapped)
    np.save(tmp_path / "e.npy", np.zeros(3))
    os.replace(tmp_path / "e.npy", tmp_path / "d.npy")
    samples.refuse_changed()
    (tmp_path / "d.npy").unlink()
    samples.refuse_changed()


def test_samples_in_memory_come_from_no_file() -> None:
    MappedFiles(np.arange(6.0)[2:]).refuse_changed()
