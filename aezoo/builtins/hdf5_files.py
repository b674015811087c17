"""HDF5 files: datasets by their paths, mapped where they lie in one piece, else held or read a block at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aezoo.builtins.parquet_files import Block, BlockRows
from aezoo.plugin import DataError, LazyArray

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

#: Bytes of an array that are read at once and held; larger ones are read a block at a time.
IN_MEMORY = 1 << 30
#: Bytes of a block, which has whole chunks of the file.
BLOCK = 4 << 20


class Datasets(Mapping[str, "Array | LazyArray"]):
    """The datasets of a file by their paths, `images` or `group/images`.

    Args:
        path: Of the file.

    Raises:
        DataError: h5py is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            import h5py
        except ImportError:
            hint = "pip install 'aezoo[hdf5]'"
            raise DataError(f"{path}: is read by h5py, which is not installed", hint=hint) from None
        self._path = path
        self._file = h5py.File(path, "r")
        self._found: dict[str, Any] = {}
        self._file.visititems(lambda name, item: self._add(name, item, h5py.Dataset))

    def __getitem__(self, name: str) -> Array | LazyArray:
        return _read(self._path, self._found[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def _add(self, name: str, item: Any, kind: type[Any]) -> None:
        if isinstance(item, kind):
            self._found[name] = item


def _read(path: Path, dataset: Any) -> Array | LazyArray:
    """The values of a dataset: mapped, held or, of a large one in chunks, lazy."""
    if dataset.shape is None or not dataset.shape:
        raise DataError(f"{path}: {dataset.name!r} is one value or none, not one for each sample")
    mapped = _mapped(path, dataset)
    if mapped is not None:
        return mapped
    if dataset.nbytes <= IN_MEMORY or not dataset.chunks:
        held: Array = dataset[()]
        return held
    row = max(1, dataset.nbytes // len(dataset))
    rows = max(1, BLOCK // (row * dataset.chunks[0])) * dataset.chunks[0]
    blocks = [
        Block(path, start, min(rows, len(dataset) - start), partial(_rows, dataset, start, start + rows))
        for start in range(0, len(dataset), rows)
    ]
    return BlockRows(blocks, dataset.shape[1:], dataset.dtype.newbyteorder("="), _decode, dataset.name)


def _rows(dataset: Any, start: int, stop: int, names: Sequence[str]) -> Any:
    return dataset[start:stop]


def _decode(block: Block) -> Array:
    values: Array = block.read(())
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _mapped(path: Path, dataset: Any) -> Array | None:
    """The values mapped from the file, where they lie in it in one piece as numpy has them; else None."""
    import numpy as np

    offset = dataset.id.get_offset()
    if offset is None or dataset.external or dataset.is_virtual or dataset.dtype.kind not in "iuf" or not dataset.size:
        return None
    if path.stat().st_size < offset + dataset.nbytes:
        raise DataError(f"{path}: damaged: {dataset.name!r} reaches beyond its end")
    values = np.memmap(path, dataset.dtype, mode="r", offset=offset, shape=dataset.shape)
    ends = np.array([0, -1])
    # What h5py reads is the truth; where a file begins with a block of its user, offsets may be counted otherwise.
    same = all(
        values[row].tobytes() == dataset[len(dataset) + row if row < 0 else row].tobytes() for row in ends.tolist()
    )
    return values if same else None
