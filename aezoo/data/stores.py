"""Stores: what batches are gathered from where samples are not held in memory.

A store gives what `Batches` asks of a tensor: `index_select(0, rows)`, a slice, its length, type and device.

    memory: a tensor         mapped: MappedStore, pages given back as they were read         lazy: LazyStore
    shards: JoinedStore, of these
"""

from __future__ import annotations

import mmap
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aezoo.errors import DataError
from aezoo.spec.lazy import JoinedRows, LazyArray, files_of, mapped_in
from aezoo.spec.samples import Array

#: Bytes of a mapped file that a process may hold before it gives their pages back: they stay in the system's cache.
HELD = 64 << 20
#: Bytes that a system maps around a page that is touched: 16 pages.
AROUND = 64 << 10


class MappedStore:
    """Samples in a mapped file: gathered by torch, their pages given back before the process holds many of them.

    Args:
        values: Mapped by aezoo, or by the caller: of such a file, pages are given back only where nothing can be lost.
    """

    device = torch.device("cpu")

    def __init__(self, values: Array) -> None:
        self._tensor = as_tensor(values)
        self._pages = Pages(values)
        self._row = values.nbytes // max(1, len(values))
        self.dtype = self._tensor.dtype

    def __len__(self) -> int:
        return len(self._tensor)

    def index_select(self, dim: int, rows: Tensor) -> Tensor:
        """These rows. Raises `DataError` where the file was cut short."""
        self._pages.touch(len(rows) * max(self._row, AROUND))
        return self._tensor.index_select(dim, rows)

    def __getitem__(self, rows: slice) -> Tensor:
        values = self._tensor[rows]
        self._pages.touch(len(values) * self._row)
        return values


class LazyStore:
    """Samples that are read when they are asked for.

    Args:
        values: Theirs.
    """

    device = torch.device("cpu")

    def __init__(self, values: LazyArray) -> None:
        self.values = values
        self.dtype = as_tensor(np.empty(0, values.dtype)).dtype
        self._pages = [Pages(mapped) for mapped in values.mapped()]
        self._row = values.nbytes // max(1, len(values))

    def __len__(self) -> int:
        return len(self.values)

    def index_select(self, dim: int, rows: Tensor) -> Tensor:
        """These rows. Raises `DataError` where one cannot be read, or a file was cut short."""
        for pages in self._pages:
            pages.touch(len(rows) * max(self._row, AROUND))
        return as_tensor(self.values.read(rows.numpy()))

    def __getitem__(self, rows: slice) -> Tensor:
        return self.index_select(0, torch.arange(*rows.indices(len(self))))


class JoinedStore:
    """Samples in several arrays one after another: the pages of each are given back by themselves.

    Args:
        values: Theirs.
    """

    device = torch.device("cpu")

    def __init__(self, values: JoinedRows) -> None:
        self.values = values
        self.dtype = as_tensor(np.empty(0, values.dtype)).dtype
        self._pages = [[Pages(mapped) for mapped in mapped_in(part)] for part in values.parts]
        self._row = values.nbytes // max(1, len(values))

    def __len__(self) -> int:
        return len(self.values)

    def index_select(self, dim: int, rows: Tensor) -> Tensor:
        """These rows. Raises `DataError` where one cannot be read, or a file was cut short."""
        # By numpy, which scatters a few rows many times faster than torch.
        result = np.empty((len(rows), *self.values.shape[1:]), self.values.dtype.newbyteorder("="))
        for part, chosen, inside in self.values.places(rows.numpy()):
            for pages in self._pages[part]:
                pages.touch(len(inside) * max(self._row, AROUND))
            result[chosen] = self.values.parts[part][inside]
        return torch.from_numpy(result)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.index_select(0, torch.arange(*rows.indices(len(self))))


#: What batches are gathered from where samples are not all in memory.
Store = MappedStore | LazyStore | JoinedStore


def store_of(values: Array | LazyArray) -> Tensor | Store:
    """What rows of an array are gathered from: a tensor of one in memory."""
    if isinstance(values, JoinedRows):
        return JoinedStore(values)
    if isinstance(values, LazyArray):
        return LazyStore(values)
    return MappedStore(values) if isinstance(values, np.memmap) else as_tensor(values)


class Pages:
    """The pages of a mapped file that this process holds.

    Args:
        values: Mapped; pages of an array in memory are left alone.
    """

    def __init__(self, values: Array | LazyArray) -> None:
        self._map: mmap.mmap | None = getattr(values, "_mmap", None)
        # A private mapping may hold what somebody wrote into it, which would be lost.
        private = getattr(values, "mode", None) == "c"
        self._advice = None if private else getattr(mmap, "MADV_DONTNEED", None)
        self._files = files_of(values) if self._map is not None else []
        self._least = _end_of(values) if self._map is not None else 0
        self._touched = 0

    def touch(self, count: int) -> None:
        """So many bytes are about to be read.

        Raises:
            DataError: The file is shorter than it was: reading on would end the process.
        """
        # The size of the very file that is mapped, whatever lies at its path by now.
        if self._map is not None and self._map.size() < self._least:
            raise DataError(
                f"{', '.join(map(str, self._files))} was cut short while it was read",
                hint="put back the data that the run began with",
            )
        self._touched += count
        if self._touched > HELD:
            self.release()

    def release(self) -> None:
        """Give the pages back; they are mapped again when they are read."""
        self._touched = 0
        if self._map is not None and self._advice is not None:
            self._map.madvise(self._advice)


def chunks(values: Array | LazyArray, most: int) -> Iterator[tuple[int, Array]]:
    """All samples in order, so many values at once at most, each with the number of its first row."""
    if isinstance(values, JoinedRows):
        first = 0
        for part in values.parts:
            yield from ((first + start, chunk) for start, chunk in chunks(part, most))
            first += len(part)
        return
    mapped = [Pages(each) for each in mapped_in(values)]
    rows = max(1, most // max(1, int(np.prod(values.shape[1:], dtype=np.int64))))
    blocks = values.blocks if isinstance(values, LazyArray) else None
    starts = range(0, len(values), rows) if blocks is None else _cut(blocks.tolist(), len(values), rows)
    for start, stop in zip(starts, [*starts[1:], len(values)], strict=True):
        for pages in mapped:
            pages.touch((stop - start) * values.nbytes // max(1, len(values)))
        yield start, values[start:stop]
    for pages in mapped:
        pages.release()


def _cut(blocks: list[int], count: int, rows: int) -> list[int]:
    """The first rows of pieces of at most so many rows, none of which reaches over a block."""
    ends = [*blocks[1:], count]
    return [start for first, end in zip(blocks, ends, strict=True) for start in range(first, end, rows)]


def _end_of(values: Any) -> int:
    """The first byte of the file behind a mapped array: a mapping begins at a whole page."""
    offset = int(getattr(values, "offset", 0) or 0)
    return offset - offset % mmap.ALLOCATIONGRANULARITY + len(values._mmap)


def as_tensor(values: Array) -> Tensor:
    """A tensor that shares the memory of an array, if torch can read it; else a copy."""
    if not values.dtype.isnative or not values.flags.aligned or any(stride < 0 for stride in values.strides):
        values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    if values.flags.writeable:
        return torch.from_numpy(values)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable")  # it is only read
        return torch.from_numpy(values)
