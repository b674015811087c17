"""Parquet and Arrow files as blocks of rows: read a block at a time, a few of them held."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from aezoo.builtins.shards import shards
from aezoo.plugin import DataError, LazyArray

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[Any]
    Rows = npt.NDArray[np.int64]

SUFFIXES = (".parquet", ".arrow", ".feather")
#: Bytes of decoded blocks that are held: two windows of the shuffle, since threads read ahead into the next.
HELD = 256 << 20


class Block(NamedTuple):
    """Rows that are stored together.

    Attributes:
        path: Of their file.
        first: The row of the file that is their first.
        rows: How many.
        read: Gives the columns of these names, a `pyarrow.Table`.
    """

    path: Path
    first: int
    rows: int
    read: Callable[[Sequence[str]], Any]


def arrow() -> Any:
    """The library. Raises `DataError` where it is not installed."""
    try:
        import pyarrow
    except ImportError:
        hint = "pip install 'aezoo[parquet]'"
        raise DataError("Parquet and Arrow files are read by pyarrow, which is not installed", hint=hint) from None
    return pyarrow


def files(path: Path) -> list[Path]:
    """The files of a set: one, those of a folder, or those that a saved Hugging Face data set names."""
    state = path / "state.json"
    if path.is_dir() and state.is_file():
        names = [entry["filename"] for entry in json.loads(state.read_text(encoding="utf-8"))["_data_files"]]
        outside = [name for name in names if Path(name).name != name]
        if outside or not names:
            raise DataError(f"{state}: names no files of its folder", hint="save the data set again: save_to_disk")
        return [path / name for name in names]
    if path.is_dir() and (path / "dataset_dict.json").is_file():
        splits = ", ".join(json.loads((path / "dataset_dict.json").read_text(encoding="utf-8"))["splits"])
        raise DataError(f"{path}: holds several data sets: {splits}", hint="data.path names the folder of one of them")
    return shards(path, SUFFIXES)


def schema_of(path: Path) -> Any:
    """The names and types of the columns of one file."""
    pa = arrow()
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        return parquet.ParquetFile(path).schema_arrow
    with pa.memory_map(str(path)) as source:
        return _arrow_file(pa, source).schema


def blocks_of_file(path: Path) -> Iterator[Block]:
    """The blocks of one file, in order."""
    pa = arrow()
    first = 0
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        file = parquet.ParquetFile(path)
        for number in range(file.num_row_groups):
            rows = file.metadata.row_group(number).num_rows
            yield Block(path, first, rows, _row_group(file, number))
            first += rows
        return
    # Uncompressed batches stay in the mapped file until their values are asked for.
    for batch in _arrow_file(pa, pa.memory_map(str(path))).read_all().to_batches():
        yield Block(path, first, batch.num_rows, _batch(pa, batch))
        first += batch.num_rows


def _row_group(file: Any, number: int) -> Callable[[Sequence[str]], Any]:
    return lambda names: file.read_row_group(number, columns=[*names])


def _batch(pa: Any, batch: Any) -> Callable[[Sequence[str]], Any]:
    return lambda names: pa.Table.from_batches([batch.select([*names])])


def _arrow_file(pa: Any, source: Any) -> Any:
    """A reader of the file format (Feather), or of a stream, as Hugging Face data sets are saved."""
    try:
        return pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        return pa.ipc.open_stream(source)


class BlockRows(LazyArray):
    """Samples in blocks, decoded a block at a time.

    Args:
        blocks: In order.
        shape: Of a sample.
        dtype: Of the samples.
        decode: Gives the samples of a block, in any thread.
        settings: What else they depend on.
    """

    def __init__(
        self, blocks: Sequence[Block], shape: Sequence[int], dtype: Any, decode: Callable[[Block], Array], settings: str
    ) -> None:
        import numpy as np

        self._blocks, self._decode, self._settings = blocks, decode, settings
        counts = np.array([block.rows for block in blocks], np.int64)
        self._ends: Rows = np.cumsum(counts)
        super().__init__((int(self._ends[-1]), *shape), dtype)
        self._held: OrderedDict[int, Array] = OrderedDict()
        self._lock = Lock()

    def read(self, rows: Rows) -> Array:
        import numpy as np

        result = np.empty((len(rows), *self.shape[1:]), self.dtype)
        places = np.searchsorted(self._ends, rows, side="right")
        for number in np.unique(places).tolist():
            chosen = np.flatnonzero(places == number)
            start = int(self._ends[number]) - self._blocks[number].rows
            result[chosen] = self._block(number)[rows[chosen] - start]
        return result

    @property
    def decodes(self) -> bool:
        return True

    @property
    def blocks(self) -> Rows:
        import numpy as np

        return np.concatenate([np.zeros(1, np.int64), self._ends[:-1]])

    def files(self) -> Iterator[Path]:
        yield from dict.fromkeys(block.path for block in self._blocks)

    def state(self) -> Iterator[str]:
        yield self._settings
        yield from super().state()

    def _block(self, number: int) -> Array:
        """A block, of those that are held or decoded now; one thread decodes at a time, and pyarrow uses several."""
        with self._lock:
            if number not in self._held:
                self._held[number] = self._decode(self._blocks[number])
            self._held.move_to_end(number)
            while len(self._held) > 1 and sum(values.nbytes for values in self._held.values()) > HELD:
                self._held.popitem(last=False)
            return self._held[number]
