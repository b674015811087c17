"""Arrays that are not in memory: their rows are read, or decoded, when they are asked for.

What a lazy array promises: its length, shape and type are known before anything is read; a row has the same bits each
time it is read, by whichever thread and in whichever order; a row that cannot be read is a `DataError` with its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[Any]
    Rows = npt.NDArray[np.int64]


class LazyArray(ABC):
    """Samples [N, *shape] that are read when they are asked for, by slices or by rows, as arrays are.

    Args:
        shape: [N, *shape].
        dtype: Of what is read.
    """

    def __init__(self, shape: Sequence[int], dtype: np.dtype[Any] | type[Any]) -> None:
        import numpy as np

        self.shape = tuple(int(n) for n in shape)
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    @abstractmethod
    def read(self, rows: Rows) -> Array:
        """These rows, in this order: [n, *shape]. It is called from several threads at once."""

    @property
    def decodes(self) -> bool:
        """Whether a row costs so much that threads should read ahead."""
        return False

    @property
    def blocks(self) -> Rows | None:
        """The first row of each block of rows that are decoded together; None where a row can be read by itself."""
        return None

    def files(self) -> Iterator[Path]:
        """The files that it reads."""
        yield from ()

    def state(self) -> Iterator[str]:
        """What changes when the samples do, a line each, without reading them: names, sizes and times of files."""
        for path in self.files():
            stat = path.stat()
            yield f"{path.name} {stat.st_size} {stat.st_mtime_ns}"

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Axes, that of the samples included."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many values."""
        count = 1
        for n in self.shape:
            count *= n
        return count

    @property
    def nbytes(self) -> int:
        """Bytes of all of them, were they in memory."""
        return self.size * self.dtype.itemsize

    def __getitem__(self, key: Any) -> Array:
        import numpy as np

        if isinstance(key, tuple):
            rows, *rest = key
            if isinstance(rows, (int, np.integer)):
                return np.asarray(self[rows][tuple(rest)])
            return np.asarray(self[rows][(slice(None), *rest)])
        if isinstance(key, (int, np.integer)):
            return np.asarray(self.read(np.array([range(len(self))[int(key)]], np.int64))[0])
        if isinstance(key, slice):
            return self.read(np.arange(*key.indices(len(self)), dtype=np.int64))
        chosen_rows = np.asarray(key)
        mask = chosen_rows.dtype == bool
        return self.read(np.flatnonzero(chosen_rows) if mask else chosen_rows.astype(np.int64, copy=False))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        import numpy as np

        return np.asarray(self[:], dtype)


class SelectedRows(LazyArray):
    """Some rows of an array that is mapped or lazy.

    Args:
        values: All rows.
        rows: Numbers of those that are taken.
    """

    def __init__(self, values: Any, rows: Any) -> None:
        import numpy as np

        super().__init__((len(rows), *values.shape[1:]), values.dtype)
        self.values = values
        self.rows: Rows = np.asarray(rows, np.int64)

    def read(self, rows: Rows) -> Array:
        import numpy as np

        chosen: Array = np.asarray(self.values[self.rows[rows]])
        return chosen

    @property
    def decodes(self) -> bool:
        return isinstance(self.values, LazyArray) and self.values.decodes

    @property
    def blocks(self) -> Rows | None:
        return blocks_of(self.values, self.rows)

    def files(self) -> Iterator[Path]:
        yield from files_of(self.values)

    def state(self) -> Iterator[str]:
        yield from self.values.state() if isinstance(self.values, LazyArray) else super().state()
        yield f"rows {self.rows.tobytes().hex() if len(self) < 1000 else _digest(self.rows)}"


class WithChannel(LazyArray):
    """Grey images [N, H, W] as [N, 1, H, W].

    Args:
        values: Lazy ones.
    """

    def __init__(self, values: LazyArray) -> None:
        super().__init__((len(values), 1, *values.shape[1:]), values.dtype)
        self._values = values

    def read(self, rows: Rows) -> Array:
        return self._values.read(rows)[:, None]

    @property
    def decodes(self) -> bool:
        return self._values.decodes

    @property
    def blocks(self) -> Rows | None:
        return self._values.blocks

    def files(self) -> Iterator[Path]:
        yield from self._values.files()

    def state(self) -> Iterator[str]:
        yield from self._values.state()


class ConvertedRows(LazyArray):
    """The rows of a mapped or lazy array, each converted when it is read: bits of bfloat16, another byte order.

    Args:
        values: The rows as they are stored.
        convert: Gives an array of the same shape.
    """

    def __init__(self, values: Any, convert: Callable[[Array], Array]) -> None:
        super().__init__(values.shape, convert(values[:0]).dtype)
        self._values, self._convert = values, convert

    def read(self, rows: Rows) -> Array:
        return self._convert(self._values[rows])

    def files(self) -> Iterator[Path]:
        yield from files_of(self._values)


class JoinedRows(LazyArray):
    """The rows of several arrays one after another: the shards of a set.

    Args:
        parts: Of one shape and type, mapped or lazy.
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        import numpy as np

        self._ends: Rows = np.cumsum([len(part) for part in parts], dtype=np.int64)
        super().__init__((int(self._ends[-1]), *parts[0].shape[1:]), parts[0].dtype)
        self._parts = parts

    def read(self, rows: Rows) -> Array:
        import numpy as np

        result = np.empty((len(rows), *self.shape[1:]), self.dtype)
        shards = np.searchsorted(self._ends, rows, side="right")
        for shard in np.unique(shards):
            chosen = np.flatnonzero(shards == shard)
            start = int(self._ends[shard - 1]) if shard else 0
            result[chosen] = self._parts[shard][rows[chosen] - start]
        return result

    def files(self) -> Iterator[Path]:
        for part in self._parts:
            yield from files_of(part)


def files_of(values: Any) -> list[Path]:
    """The files that an array is read from; none for one in memory."""
    if isinstance(values, LazyArray):
        return [*values.files()]
    array: Any = values
    found: list[Path] = []
    while array is not None and not found:
        name = getattr(array, "filename", None)  # of a mapped array, which its views have too
        found = [Path(name)] if name is not None else []
        array = getattr(array, "base", None)
    return found


def blocks_of(values: Any, rows: Rows | None) -> Rows | None:
    """Where among these ascending rows (None: all) the blocks begin that are decoded together; None without blocks."""
    import numpy as np

    starts = values.blocks if isinstance(values, LazyArray) else None
    if starts is None or rows is None:
        return starts
    return np.unique(np.searchsorted(rows, starts)) if bool((np.diff(rows) > 0).all()) else None


def _digest(rows: Rows) -> str:
    from hashlib import sha256

    return sha256(rows.tobytes()).hexdigest()
