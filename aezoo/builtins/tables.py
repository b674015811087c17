"""Samples from tables: comma-separated text with a header."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

from aezoo.plugin import Component, DataError, Field, FileDatasetSpec, Samples, Shape, Strings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: The largest number of 32 bits: 24 bits of ones.
_LARGEST = (2 - 2.0**-23) * 2.0**127


class TableSpec(FileDatasetSpec):
    """A CSV file with a header: each line is a sample [F] of the numeric columns.

    Every value has to be a number: a missing value, a NaN or a word is refused with its line and column. All
    columns but the label are read unless `columns` says which. Labels that are not integers are numbered in
    alphabetical order.

    Example:
        [data]
        type = "table"
        path = "wine.csv"
        label = "quality"
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv")
    type: Literal["table"] = "table"
    columns: Strings | None = Field(None, description="names of the columns to read, in this order")
    label: str | None = Field(None, description="name of the column that holds the labels")
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="by default a tab in .tsv, else a comma"
    )

    def at(self, path: Path) -> Self:
        with self.reading(path), path.open(encoding="utf-8-sig", newline="") as file:
            header = next((row for row in csv.reader(file, delimiter=self._delimiter(path)) if row), [])
        # New samples need no label, but where there is one it is no input.
        names = {name.strip() for name in header}
        label = self.label if self.label in names else None
        return super().at(path).model_copy(update={"label": label})

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        path = self.found()
        with self.reading(path):
            table = _read(path, self._delimiter(path))
        rows = self.picked(len(table.rows))
        table = table._replace(rows=[table.rows[row] for row in rows], lines=[table.lines[row] for row in rows])
        labels = self._labels(table)
        return Samples(self._values(table), str(path), labels=labels)

    def _delimiter(self, path: Path) -> str:
        return self.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")

    def _values(self, table: _Table) -> npt.NDArray[np.float32]:
        import numpy as np

        names = self.columns or tuple(name for name in table.header if name != self.label)
        if not names:
            raise DataError(f"{table.path}: has no column beside the label {self.label!r}")
        columns = [_numbers(table, name) for name in names]
        return np.stack(columns, axis=1)

    def _labels(self, table: _Table) -> npt.NDArray[np.int64] | None:
        import numpy as np

        if self.label is None:
            return None
        words = [word.strip() for word in table.column(self.label)]
        if "" in words:
            raise DataError(f"{table.where(words.index(''), self.label)}: no label")
        try:
            return np.array([int(word) for word in words], dtype=np.int64)
        except ValueError:
            return np.unique(words, return_inverse=True)[1].astype(np.int64)


class _Table(NamedTuple):
    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]  # where each row ends in the file

    def column(self, name: str) -> list[str]:
        if name not in self.header:
            raise DataError(f"{self.path}: has no column {name!r}; it has: {', '.join(self.header)}")
        at = self.header.index(name)
        return [row[at] for row in self.rows]

    def where(self, row: int, name: str) -> str:
        return f"{self.path}: line {self.lines[row]}, column {name!r}"


def _read(path: Path, delimiter: str) -> _Table:
    # utf-8-sig: spreadsheets put a byte order mark before the first column's name.
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        lines = ((reader.line_num, row) for row in reader if row)
        _, header = next(lines, (0, []))
        header = [name.strip() for name in header]
        _check_header(path, header, delimiter)
        numbered = list(_even(path, len(header), lines))
    if not numbered:
        raise DataError(f"{path}: has a header and no rows")
    return _Table(path, header, [row for _, row in numbered], [line for line, _ in numbered])


def _check_header(path: Path, header: list[str], delimiter: str) -> None:
    if not header:
        raise DataError(f"{path}: is empty")
    if all(_number(name) is not None for name in header):
        raise DataError(f"{path}: its first line holds numbers", hint="put a line with the names of the columns first")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path}: more than one column is called {', '.join(map(repr, twice))}")
    other = next((sign for sign in ";\t|," if sign != delimiter and sign in header[0]), None)
    if len(header) == 1 and other:
        raise DataError(f"{path}: one column, {header[0]!r}", hint=f"perhaps data.delimiter = {other!r}")


def _even(path: Path, width: int, lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    for line, row in lines:
        if len(row) != width:
            raise DataError(f"{path}: line {line} has {len(row)} values, the header has {width}")
        yield line, row


def _number(word: str) -> float | None:
    """The number, or None. Python's own `float` also takes 1_000, which no table means."""
    try:
        return None if "_" in word else float(word)
    except ValueError:
        return None


def _numbers(table: _Table, name: str) -> npt.NDArray[np.float32]:
    """A column as numbers, or `DataError` with the first line that holds none."""
    import numpy as np

    words = table.column(name)
    numbers: list[Any] = [_number(word) for word in words]
    for row, word, number in zip(count(), words, numbers, strict=False):
        if number is None or not math.isfinite(number) or abs(number) > _LARGEST:
            got = repr(word) if word.strip() else "no value"
            hint = "leave the line out, or choose the columns to read: data.columns = [...]"
            raise DataError(f"{table.where(row, name)}: {got} is no finite number of 32 bits", hint=hint)
    return np.array(numbers, dtype=np.float32)


COMPONENTS: list[type[Component]] = [TableSpec]
