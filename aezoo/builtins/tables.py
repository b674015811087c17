"""Samples from tables: comma-separated text with a header."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self

from aezoo.plugin import DataError, Field, FileDatasetSpec, Samples, Shape, Strings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: The largest float32: 24 bits of ones.
_LARGEST = (2 - 2.0**-23) * 2.0**127
#: Lines that are named of equal faults in a column, and columns that are named in a hint.
_LINES, _NAMED = 5, 40


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
        # New samples need no label; where they have one, it must not be read as an input.
        names = {name.strip() for name in header}
        label = self.label if self.label in names else None
        return super().at(path).model_copy(update={"label": label})

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        path = self.found()
        with self.reading(path):
            table = _read(path, self._delimiter(path))
        rows = self.picked(len(table.rows))
        table = table._replace(rows=[table.rows[row] for row in rows], lines=[table.lines[row] for row in rows])
        columns = self._read_columns(table)
        labels = self._labels(table)
        values = self._values(table, columns)
        if table.faults:
            raise self._error(table, columns)
        return Samples(values, str(path), labels=labels)

    def _delimiter(self, path: Path) -> str:
        return self.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")

    def _read_columns(self, table: _Table) -> Sequence[str]:
        """The columns that are read. Raises `DataError` with all names that the table does not have."""
        wanted = [*(self.columns or ()), *([self.label] if self.label is not None else [])]
        absent = [name for name in dict.fromkeys(wanted) if name not in table.header]
        if absent:
            listed = ", ".join(map(repr, absent))
            raise DataError(f"{table.path}: has no column {listed}; it has: {', '.join(table.header)}")
        names = self.columns or tuple(name for name in table.header if name != self.label)
        if not names:
            raise DataError(f"{table.path}: has no column beside the label {self.label!r}")
        return names

    def _values(self, table: _Table, names: Sequence[str]) -> npt.NDArray[np.float32]:
        import numpy as np

        return np.stack([np.array(_numbers(table, name), dtype=np.float32) for name in names], axis=1)

    def _labels(self, table: _Table) -> npt.NDArray[np.int64] | None:
        import numpy as np

        if self.label is None:
            return None
        words = [word.strip() for word in table.column(self.label)]
        table.faults.extend(
            Fault(line, self.label, "no label") for line, word in zip(table.lines, words, strict=True) if not word
        )
        try:
            return np.array([int(word) for word in words], dtype=np.int64)
        except ValueError:
            return np.unique(words, return_inverse=True)[1].astype(np.int64)

    def _error(self, table: _Table, columns: Sequence[str]) -> DataError:
        """All faults of the values as one error: a line for each kind of fault of a column."""
        by_kind: dict[tuple[str, str], list[Fault]] = {}
        for fault in sorted(table.faults):
            by_kind.setdefault((fault.column, fault.kind), []).append(fault)
        hint = self._hint(table, columns)
        return DataError.several(
            [DataError(_line(table.path, faults), hint=hint) for faults in by_kind.values()], count=len(table.faults)
        )

    def _hint(self, table: _Table, columns: Sequence[str]) -> str:
        """Hint: correct the lines, or leave out columns without numbers; if there are none, columns with faults."""
        lines = "correct these lines, or leave them out"
        counts = Counter(fault.column for fault in table.faults)
        without = {name for name in columns if counts[name] == len(table.rows)} or {*counts}
        kept = [name for name in columns if name not in without]
        if not kept or len(kept) == len(columns):
            return lines
        setting = "data.columns" if len(kept) > _NAMED else self.setting("columns", kept)
        return f"{lines}; or read only columns of numbers: {setting}"


class Fault(NamedTuple):
    """One fault in a line of a table."""

    line: int
    column: str  # empty: of the whole line
    message: str
    kind: str = ""  # equal faults are reported in one line


def _line(path: Path, faults: Sequence[Fault]) -> str:
    """The first of equal faults, and the lines of the others."""
    first, *others = faults
    column = f", column {first.column!r}:" if first.column else ""
    text = f"{path}: line {first.line}{column} {first.message}"
    if not others:
        return text
    more = f" and {len(others) - _LINES:,} more" if len(others) > _LINES else ""
    return f"{text}; also line{'s' * (len(others) > 1)} {', '.join(str(fault.line) for fault in others[:_LINES])}{more}"


class _Table(NamedTuple):
    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]  # where each row ends in the file
    faults: list[Fault]  # reported together, after all lines are read

    def column(self, name: str) -> list[str]:
        index = self.header.index(name)
        return [row[index] for row in self.rows]


def _read(path: Path, delimiter: str) -> _Table:
    # utf-8-sig: spreadsheets write a byte order mark before the first column's name.
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        lines = ((reader.line_num, row) for row in reader if row)
        _, header = next(lines, (0, []))
        header = [name.strip() for name in header]
        _check_header(path, header, delimiter)
        numbered = list(lines)
    if not numbered:
        raise DataError(f"{path}: has a header and no rows")
    width = len(header)
    even = [(line, row) for line, row in numbered if len(row) == width]
    uneven = [(line, len(row)) for line, row in numbered if len(row) != width]
    faults = [Fault(line, "", f"has {_values(count)}, the header has {width}") for line, count in uneven]
    return _Table(path, header, [row for _, row in even], [line for line, _ in even], faults)


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


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
        hint = f"perhaps another delimiter: {TableSpec.setting('delimiter', other)}"
        raise DataError(f"{path}: one column, {header[0]!r}", hint=hint)


def _number(word: str) -> float | None:
    """The number, or None. `float` also reads 1_000, which in a table is a word."""
    try:
        return None if "_" in word else float(word)
    except ValueError:
        return None


def _numbers(table: _Table, name: str) -> list[float]:
    """A column as numbers; other values are added to the table's faults and become 0."""
    numbers: list[float] = []
    for line, word in zip(table.lines, table.column(name), strict=True):
        number = _number(word)
        fault = _fault(word, number)
        if fault is not None:
            table.faults.append(Fault(line, name, *fault))
        numbers.append(0.0 if number is None or fault else number)
    return numbers


def _fault(word: str, number: float | None) -> tuple[str, str] | None:
    """The fault of a value, and its kind; None if it is a finite float32."""
    if not word.strip():
        return "the value is missing", "missing"
    if number is None:
        return f"{word!r} is not a number", "word"
    if not math.isfinite(number):
        return f"{word!r} is not a finite number", "infinite"
    return (f"{word!r} is too large for 32 bits", "large") if abs(number) > _LARGEST else None
