"""Samples from tables: comma-separated text with a header."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self

from pydantic import field_validator

from aezoo.builtins.gaps import gap_remarks
from aezoo.plugin import DataError, Field, FileDatasetSpec, Remark, Samples, Shape, Spec, Strings

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
    columns but the label and the fields are read unless `columns` says which. `fields` names columns that go along
    with the samples: one of words, which are numbered in alphabetical order, or of numbers; or several of numbers.
    `label` is short for a field of this name. `missing = "mask"` reads an empty value or a NaN as a gap: the value
    becomes 0, and the field `observed` is 1 where a value is known and 0 where none is; `gaps` are words that
    stand for a missing value, too. `categories` lists the words of a column, which is then read as their numbers, from
    0 on; another word is refused.

    Example:
        [data]
        type = "table"
        path = "wine.csv"
        label = "quality"
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv")
    type: Literal["table"] = "table"
    columns: Strings | None = Field(None, description="names of the columns to read, in this order")
    label: str | None = Field(None, description="name of the column that holds the labels: the field `label`")
    fields: dict[str, str | Strings] | None = Field(
        None, description="columns that go along with the samples, by the names of their fields"
    )
    missing: Literal["mask"] | None = Field(
        None, description="mask: gaps are filled with 0, and the field `observed` is 0 there; refused unless said"
    )
    gaps: Strings = Field((), description='words that stand for a missing value, such as "NA"; with `missing`')
    categories: dict[str, Strings] | None = Field(
        None, description="by column, the words that it holds: each is read as its place in this list, from 0 on"
    )
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="by default a tab in .tsv, else a comma"
    )

    @field_validator("categories")
    @classmethod
    def _each_once(cls, categories: dict[str, Strings] | None) -> dict[str, Strings] | None:
        for name, words in (categories or {}).items():
            twice = sorted({word for word in words if words.count(word) > 1})
            if twice or not words:
                raise ValueError(f"of {name!r}: " + (f"{twice[0]!r} stands twice" if twice else "lists no words"))
        return categories

    def at(self, path: Path) -> Self:
        with self.reading(path), path.open(encoding="utf-8-sig", newline="") as file:
            header = next((row for row in csv.reader(file, delimiter=self._delimiter(path)) if row), [])
        # New samples need no label; where they have one, it must not be read as an input.
        names = {name.strip() for name in header}
        label = self.label if self.label in names else None
        fields = {name: columns for name, columns in (self.fields or {}).items() if names.issuperset(_listed(columns))}
        return super().at(path).model_copy(update={"label": label, "fields": fields or None})

    def field_names(self) -> frozenset[str]:
        named = {"label": self.label, "observed": self.missing}
        return frozenset({*(name for name, value in named.items() if value), *(self.fields or {})})

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.label is not None and "label" in (self.fields or {}):
            yield Remark("label is given twice: by `label`, and by `fields`", "leave one of them out", at="label")
        if self.gaps and self.missing is None:
            yield Remark("gaps are refused unless `missing` says how they are read", 'missing = "mask"', at="gaps")
        yield from gap_remarks(self.missing, spec)
        yield from super().remarks(spec)

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        path = self.found()
        with self.reading(path):
            table = _read(path, self._delimiter(path))
        rows = self.picked(len(table.rows))
        table = table._replace(rows=[table.rows[row] for row in rows], lines=[table.lines[row] for row in rows])
        columns = self._read_columns(table)
        labels = None if self.label is None else _classes(table, self.label)
        fields = {name: _field(table, named) for name, named in (self.fields or {}).items()}
        values = self._values(table, columns)
        if table.faults:
            raise self._error(table, columns)
        samples = Samples(values, str(path), labels=labels, fields=fields)
        return samples.with_gaps() if self.missing else samples

    def _delimiter(self, path: Path) -> str:
        return self.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")

    def _read_columns(self, table: _Table) -> Sequence[str]:
        """The columns that are read. Raises `DataError` with all names that the table does not have."""
        beside = [column for columns in (self.fields or {}).values() for column in _listed(columns)]
        beside += [self.label] if self.label is not None else []
        wanted = [*(self.columns or ()), *beside]
        absent = [name for name in dict.fromkeys(wanted) if name not in table.header]
        if absent:
            listed = ", ".join(map(repr, absent))
            raise DataError(f"{table.path}: has no column {listed}; it has: {', '.join(table.header)}")
        names = self.columns or tuple(name for name in table.header if name not in beside)
        unread = [name for name in self.categories or () if name not in names]
        if unread:
            listed = ", ".join(map(repr, unread))
            hint = "take it out of data.categories, or read it"
            raise DataError(f"{table.path}: categories are of columns that are read, and {listed} is not", hint=hint)
        if not names:
            raise DataError(f"{table.path}: has no column beside the label {', '.join(map(repr, beside))}")
        return names

    def _values(self, table: _Table, names: Sequence[str]) -> npt.NDArray[np.float32]:
        import numpy as np

        gaps, categories = ("", *self.gaps) if self.missing else (), self.categories or {}
        columns = (_numbers(table, name, gaps=gaps, words=categories.get(name)) for name in names)
        return np.stack([np.array(column, dtype=np.float32) for column in columns], axis=1)

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
        if all(fault.kind in ("missing", "nan") for fault in table.faults):
            lines += f"; or {self.setting('missing', 'mask')} reads gaps as such"
        counts = Counter(fault.column for fault in table.faults)
        without = {name for name in columns if counts[name] == len(table.rows)} or {*counts}
        kept = [name for name in columns if name not in without]
        # A fault of a whole line has no column.
        if words := _words(table, [name for name in without - {*(self.categories or ())} if name in columns]):
            categories = {**(self.categories or {}), **words}
            lines += f"; or number the words of a column: {self.setting('categories', categories)}"
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


def _listed(columns: str | Sequence[str]) -> Sequence[str]:
    return (columns,) if isinstance(columns, str) else columns


def _field(table: _Table, columns: str | Sequence[str]) -> npt.NDArray[np.generic]:
    """A field of one column, [N], or of several, [N, K]."""
    import numpy as np

    if not isinstance(columns, str):
        return np.stack([np.array(_numbers(table, name), dtype=np.float32) for name in columns], axis=1)
    numbers = [_number(word) for word in table.column(columns) if word.strip()]
    if any(number is None for number in numbers):
        return _classes(table, columns)
    values = np.array(_numbers(table, columns), dtype=np.float64)
    return values.astype(np.int64 if bool((values == np.rint(values)).all()) else np.float32)


def _classes(table: _Table, column: str) -> npt.NDArray[np.int64]:
    """A column of whole numbers, or of words, which are numbered in alphabetical order: [N]."""
    import numpy as np

    words = [word.strip() for word in table.column(column)]
    table.faults.extend(
        Fault(line, column, "no label") for line, word in zip(table.lines, words, strict=True) if not word
    )
    try:
        return np.array([int(word) for word in words], dtype=np.int64)
    except ValueError:
        return np.unique(words, return_inverse=True)[1].astype(np.int64)


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


def _words(table: _Table, names: Sequence[str]) -> dict[str, list[str]]:
    """The words of these columns in alphabetical order, of those that hold words and few different ones."""
    found = {name: sorted({word.strip() for word in table.column(name)} - {""}) for name in names}
    return {
        name: words
        for name, words in found.items()
        if 0 < len(words) <= _NAMED // 2 and all(_number(word) is None for word in words)
    }


def _numbers(table: _Table, name: str, *, gaps: Sequence[str] = (), words: Sequence[str] | None = None) -> list[float]:
    """A column as numbers; other values are added to the table's faults and become 0.

    Args:
        table: Holds it.
        name: Of the column.
        gaps: What stands for a missing value, which is then no fault, and NaN, as a NaN is.
        words: Those that the column holds, numbered by their places; None for one of numbers.
    """
    numbers: list[float] = []
    places = None if words is None else {word: float(place) for place, word in enumerate(words)}
    for line, word in zip(table.lines, table.column(name), strict=True):
        number = _number(word) if places is None else places.get(word.strip())
        if gaps and (word.strip() in gaps or (number is not None and math.isnan(number))):
            numbers.append(math.nan)
            continue
        fault = _fault(word, number) if words is None or not word.strip() else _unknown(word, words)
        if fault is not None:
            table.faults.append(Fault(line, name, *fault))
        numbers.append(0.0 if number is None or fault else number)
    return numbers


def _unknown(word: str, words: Sequence[str]) -> tuple[str, str] | None:
    """The fault of a word that is none of these, and its kind."""
    if word.strip() in words:
        return None
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return f"{word.strip()!r} is none of {', '.join(map(repr, words[:_NAMED]))}{more}", f"class {word.strip()}"


def _fault(word: str, number: float | None) -> tuple[str, str] | None:
    """The fault of a value, and its kind; None if it is a finite float32."""
    if not word.strip():
        return "the value is missing", "missing"
    if number is None:
        return f"{word!r} is not a number", "word"
    if not math.isfinite(number):
        return f"{word!r} is not a finite number", "nan" if math.isnan(number) else "infinite"
    return (f"{word!r} is too large for 32 bits", "large") if abs(number) > _LARGEST else None
