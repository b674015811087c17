"""Shards: files of one folder that hold the samples of one set, one after another."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from aezoo.plugin import DataError, FileDatasetSpec, JoinedFields, JoinedRows, Samples, text

#: Endings of arrays that may be shards.
ARRAYS = (".npy", ".npz", ".safetensors", ".h5", ".hdf5")


def shards(path: Path, suffixes: Sequence[str] = ARRAYS) -> list[Path]:
    """The files of a folder in the order of their names, 2 before 10; or the one file itself.

    Raises:
        DataError: The folder holds none, or some of several kinds.
    """
    if not path.is_dir():
        return [path]
    files = [file for file in path.iterdir() if file.suffix.lower() in suffixes and not file.name.startswith(".")]
    kinds = sorted({file.suffix.lower() for file in files})
    if not files:
        raise DataError(
            f"{path}: holds no files that end in {' '.join(suffixes)}", hint="data.path names another folder"
        )
    if len(kinds) > 1:
        raise DataError(
            f"{path}: holds files that end in {' and '.join(kinds)}", hint="keep those of one set in a folder"
        )
    return sorted(files, key=lambda file: _natural(file.name))


def holds(folder: Path, suffixes: Sequence[str]) -> bool:
    """Whether the first file of a folder that is not hidden, in the order of names, has one of these endings."""
    try:
        with os.scandir(folder) as entries:
            first = min((entry.name for entry in entries if entry.is_file() and entry.name[0] != "."), default="")
    except OSError:  # told by whatever reads it
        return False
    return FileDatasetSpec.ending(Path(first)) in suffixes


def only_folders(folder: Path) -> list[Path]:
    """The sub-folders in the order of their names, where a folder has nothing else; hidden ones do not count."""
    try:
        there = sorted(each for each in folder.iterdir() if each.name[0] != ".")
        return there if all(each.is_dir() for each in there) else []
    except OSError:  # told by whatever reads it
        return []


def joined(parts: Sequence[Samples], folder: Path) -> Samples:
    """The samples of shards as one set. Raises `DataError` where they differ in shape, type or fields."""
    first, *others = parts
    if not others:
        return first
    for part in others:
        if part.shape != first.shape or part.values.dtype != first.values.dtype:
            kinds = (f"{text(each.shape) or 'single numbers'} of {each.values.dtype}" for each in (part, first))
            raise DataError(f"{part.source}: holds {' where other shards of the folder hold '.join(kinds)}")
        if missing := set(first.fields) ^ set(part.fields):
            names = ", ".join(map(repr, sorted(missing)))
            raise DataError(f"{part.source} and {first.source}: only one of them has {names}")
    values = JoinedRows([part.values for part in parts])
    return Samples(values, str(folder), fields=JoinedFields([part.fields for part in parts]))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """By which names are sorted so that numbers in them count as numbers."""
    return [(0, int(word), word) if word.isdigit() else (1, 0, word) for word in re.split(r"(\d+)", name) if word]
