"""Arrays that are not in memory: their rows are read, or decoded, when they are asked for.

What a lazy array promises: its length, shape and type are known before anything is read; a row has the same bits each
time it is read, by whichever thread and in whichever order; a row that cannot be read is a `DataError` with its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
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

    def mapped(self) -> Iterator[Array]:
        """The mapped arrays that rows are read from: reading one whose file was cut short would end the process."""
        yield from ()

    def state(self) -> Iterator[str]:
        """What changes when the samples do, a line each, without reading them: names, sizes and times of files."""
        yield from _states_of(self.files())

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

    def mapped(self) -> Iterator[Array]:
        yield from mapped_in(self.values)

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

    def mapped(self) -> Iterator[Array]:
        yield from self._values.mapped()

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

    @property
    def decodes(self) -> bool:
        return isinstance(self._values, LazyArray) and self._values.decodes

    @property
    def blocks(self) -> Rows | None:
        return blocks_of(self._values, None)

    def state(self) -> Iterator[str]:
        yield from self._values.state() if isinstance(self._values, LazyArray) else super().state()

    def files(self) -> Iterator[Path]:
        yield from files_of(self._values)

    def mapped(self) -> Iterator[Array]:
        yield from mapped_in(self._values)


class JoinedRows(LazyArray):
    """The rows of several arrays one after another: the shards of a set, or sources of single splits.

    Args:
        parts: Of one shape and type, in memory, mapped or lazy.
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        import numpy as np

        self._ends: Rows = np.cumsum([len(part) for part in parts], dtype=np.int64)
        super().__init__((int(self._ends[-1]), *parts[0].shape[1:]), parts[0].dtype)
        self.parts = parts

    def read(self, rows: Rows) -> Array:
        import numpy as np

        result = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for part, chosen, inside in self.places(rows):
            result[chosen] = self.parts[part][inside]
        return result

    def places(self, rows: Rows) -> Iterator[tuple[int, Rows, Rows]]:
        """Of each part that has some of these rows: its number, which of them these are, and their rows in the part."""
        import numpy as np

        parts = np.searchsorted(self._ends, rows, side="right")
        for part in np.unique(parts).tolist():
            chosen = np.flatnonzero(parts == part)
            yield part, chosen, rows[chosen] - (int(self._ends[part - 1]) if part else 0)

    @property
    def decodes(self) -> bool:
        return any(isinstance(part, LazyArray) and part.decodes for part in self.parts)

    def files(self) -> Iterator[Path]:
        for part in self.parts:
            yield from files_of(part)

    def mapped(self) -> Iterator[Array]:
        for part in self.parts:
            yield from mapped_in(part)

    def state(self) -> Iterator[str]:
        for part in self.parts:
            if isinstance(part, LazyArray):
                yield from part.state()
            elif files := files_of(part):
                yield from _states_of(files)
            else:
                yield f"held {part.dtype.str} {part.shape} {_digest(part)}"


def with_channel(values: Any) -> Any:
    """Grey images [N, H, W] as [N, 1, H, W], in memory, mapped or lazy."""
    if isinstance(values, JoinedRows):
        return JoinedRows([with_channel(part) for part in values.parts])
    return WithChannel(values) if isinstance(values, LazyArray) else values[:, None]


def mapped_in(values: Any) -> Iterator[Array]:
    """The mapped arrays that the rows of an array are read from."""
    if isinstance(values, LazyArray):
        yield from values.mapped()
    elif getattr(values, "_mmap", None) is not None:
        yield values


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


def located(values: Any, rows: Rows | None) -> tuple[Any, Rows | None]:
    """The array that these rows (None: all) are read from, and their numbers in it: one part of several, if it has all.

    Args:
        values: In memory, mapped or lazy.
        rows: Ascending or not.
    """
    while True:
        if isinstance(values, SelectedRows):
            rows = values.rows if rows is None else values.rows[rows]
            values = values.values
        elif isinstance(values, JoinedRows) and rows is not None and len(places := [*values.places(rows)]) == 1:
            part, _, rows = places[0]
            values = values.parts[part]
        else:
            return values, rows


def _states_of(files: Iterable[Path]) -> Iterator[str]:
    for path in files:
        stat = path.stat()
        yield f"{path.name} {stat.st_size} {stat.st_mtime_ns}"


def _digest(values: Array) -> str:
    from hashlib import sha256

    return sha256(values.tobytes()).hexdigest()
