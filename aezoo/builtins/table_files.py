"""Text of columns: its lines, its columns as numbers, and all that is wrong with them."""

from __future__ import annotations

import codecs
import csv
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

from aezoo.plugin import DataError, DataWarning, FileDatasetSpec

#: The largest float32: 24 bits of ones.
_LARGEST = (2 - 2.0**-23) * 2.0**127
#: Lines that are named of equal faults in a column, and columns or words that are named in a message.
_LINES, NAMED = 5, 40
#: What people write for a missing value, in small letters.
MARKS = frozenset({"na", "n/a", "#n/a", "n.a.", "null", "none", "nil", "missing", "unknown", "?", "-", "--", ".", "*"})
#: Endings of text that has no usual delimiter.
LOOKED_INTO = (".txt", ".data", ".dat", ".tab")
#: Byte order marks, the longer ones first: that of UTF-16 begins that of UTF-32.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: The line by which spreadsheets say what separates the columns.
_SEPARATOR = re.compile(r'"?sep=(.)"?')
_WITH_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
setting = FileDatasetSpec.setting


class Dialect(NamedTuple):
    """How a table is written, as far as a spec says it.

    Attributes:
        delimiter: Between columns; a space stands for any number of them. None for a tab in .tsv, a comma in .csv, or
            what is found elsewhere, or what a line `sep=;` says.
        encoding: Of the text; None for UTF-8, or what a byte order mark says.
        decimal: Sign before the decimals.
        header: Whether the first line has the names; None refuses a first line of numbers.
    """

    delimiter: str | None = None
    encoding: str | None = None
    decimal: str = "."
    header: bool | None = None


class Fault(NamedTuple):
    """One fault in a line of a table."""

    line: int
    column: str  # empty: of the whole line
    message: str
    kind: str = ""  # equal faults are reported in one line


class Table(NamedTuple):
    """The lines of a table.

    Attributes:
        path: Of the file.
        header: Names of the columns.
        rows: The cells of each line.
        lines: Where each row ends in the file, counted from 1.
        faults: Reported together, after all lines are read.
        decimal: Sign before the decimals.
        unit: What a number in `lines` counts, for messages.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    faults: list[Fault]
    decimal: str = "."
    unit: str = "line"

    def column(self, name: str) -> list[str]:
        """Its cells as they are written."""
        index = self.header.index(name)
        return [row[index] for row in self.rows]

    def number(self, word: str) -> float | None:
        """The number that a cell holds, or None."""
        return number(word, self.decimal)

    def place(self, row: int, name: str) -> str:
        """Where a cell is, for messages."""
        return f"{self.path}: {self.unit} {self.lines[row]}, column {name!r}"

    def take(self, rows: Sequence[int]) -> Table:
        """Some of the rows."""
        return self._replace(rows=[self.rows[row] for row in rows], lines=[self.lines[row] for row in rows])


def read_header(path: Path, dialect: Dialect) -> list[str]:
    """The names of the columns; empty if there are none. Raises `DataError`."""
    with _lines(path, dialect) as lines:
        _, first = next(lines, (0, []))
    return _names(first, dialect)


def read_table(path: Path, dialect: Dialect) -> Table:
    """All lines of a table. Raises `DataError` where it is none; faults of single lines stand in the table."""
    with _lines(path, dialect) as lines:
        numbered = list(lines)
    if not numbered:
        raise DataError(f"{path}: is empty")
    header = _names(numbered[0][1], dialect)
    _check_header(path, header, dialect)
    if dialect.header is not False:
        del numbered[0]
    if not numbered:
        raise DataError(f"{path}: has a header and no rows")
    width = len(header)
    even = [(line, row) for line, row in numbered if len(row) == width]
    uneven = [(line, len(row)) for line, row in numbered if len(row) != width]
    first = "the header" if dialect.header is not False else "the first line"
    faults = [Fault(line, "", f"has {_values(count)}, {first} has {width}") for line, count in uneven]
    return Table(path, header, [row for _, row in even], [line for line, _ in even], faults, dialect.decimal)


@contextmanager
def _lines(path: Path, dialect: Dialect) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Line number and cells of each line that is not empty."""
    encoding = dialect.encoding or _marked(path) or "utf-8"
    try:
        with path.open(encoding=encoding, newline="") as file:
            declared = _SEPARATOR.fullmatch(file.readline().rstrip("\r\n"))
            if declared is None:
                file.seek(0)
            delimiter = dialect.delimiter or (declared and declared[1]) or _found(path, file)
            lines = (line.strip() for line in file) if delimiter == " " else file
            reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=delimiter == " ")
            yield ((reader.line_num + (declared is not None), row) for row in reader if row)
    except UnicodeError as error:
        line = _undecodable(path, encoding)
        where = f"line {line} is not {encoding}" if line else f"it is not {encoding}"
        save = "save it as UTF-8"
        hint = save if dialect.encoding else f"{setting('encoding', 'cp1252')}, if it is of an older program; or {save}"
        raise DataError(f"{path}: {where.replace('utf', 'UTF')}", hint=hint) from error


def _undecodable(path: Path, encoding: str) -> int:
    """The first line that is not of this encoding, from 1; 0 where a line cannot be decoded by itself."""
    if not encoding.startswith("utf-8"):
        return 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 0


def _marked(path: Path) -> str | None:
    """The encoding that a byte order mark says."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((encoding for mark, encoding in _MARKS.items() if start.startswith(mark)), None)


def default_delimiter(path: Path) -> str:
    """A tab in .tsv, else a comma."""
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _found(path: Path, file: TextIO) -> str:
    """The delimiter of a file: of text without a usual one, the sign that cuts its first lines into as many columns."""
    if path.suffix.lower() not in LOOKED_INTO:
        return default_delimiter(path)
    start = file.tell()
    lines = [line.strip("\r\n") for line in islice(file, 2 * NAMED) if line.strip()]
    file.seek(start)
    for sign in (",", "\t", ";", "|", " "):
        cut = [line.strip() for line in lines] if sign == " " else lines
        try:
            counts = {len(row) for row in csv.reader(cut, delimiter=sign, strict=True, skipinitialspace=sign == " ")}
        except csv.Error:
            continue
        if len(counts) == 1 and counts != {1}:
            return sign
    return ","


def _names(first: Sequence[str], dialect: Dialect) -> list[str]:
    """The names in the first line; without a header, the positions from 0."""
    if dialect.header is False:
        return [str(position) for position in range(len(first))]
    return [name.strip() for name in first]


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _check_header(path: Path, header: list[str], dialect: Dialect) -> None:
    if dialect.header is None and all(number(name, dialect.decimal) is not None for name in header):
        hint = f"{setting('header', False)} reads it as a sample, {setting('header', True)} as names of columns"
        raise DataError(f"{path}: its first line holds numbers", hint=hint)
    if any("\0" in name for name in header):
        raise DataError(f"{path}: holds zero bytes", hint=f"perhaps it is UTF-16: {setting('encoding', 'utf-16-le')}")
    written = [name for name in header if number(name, dialect.decimal) is not None and not name.isdecimal()]
    if dialect.header is None and written:
        message = f"{path}: its first line is taken as names of columns, {written[0]!r} among them"
        hint = f"{setting('header', False)} reads it as a sample, {setting('header', True)} says that these are names"
        warnings.warn(DataWarning(message, hint), stacklevel=4)
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DataError(f"{path}: more than one column is called {', '.join(map(repr, twice))}")
    used = dialect.delimiter or default_delimiter(path)
    other = next((sign for sign in ";\t|," if sign != used and sign in header[0]), None)
    if len(header) == 1 and other:
        hint = f"perhaps another delimiter: {setting('delimiter', other)}"
        raise DataError(f"{path}: one column, {header[0]!r}", hint=hint)


def number(word: str, decimal: str = ".") -> float | None:
    """The number, or None. `float` also reads 1_000, which in a table is a word."""
    if decimal != ".":
        word = "_" if "." in word else word.replace(decimal, ".")
    try:
        return None if "_" in word else float(word)
    except ValueError:
        return None


def has_decimal_comma(word: str) -> bool:
    """Whether it is a number with a decimal comma: 1,5."""
    return _WITH_COMMA.fullmatch(word.strip()) is not None


def counts_rows(table: Table, name: str) -> bool:
    """Whether a column counts the rows, from 0 or 1 on, as a data frame's index does."""
    start = table.number(table.column(name)[0]) if table.rows else None
    if start not in (0, 1) or len(table.rows) < 3:
        return False
    return all(table.number(word) == start + row for row, word in enumerate(table.column(name)))


def words_of(table: Table, names: Sequence[str], gaps: Sequence[str] = ()) -> dict[str, list[str]]:
    """The words of these columns in alphabetical order, without gaps, of those that hold few different words."""
    found = {
        name: sorted(
            word for word in {word.strip() for word in table.column(name)} - {"", *gaps} if word.lower() not in MARKS
        )
        for name in names
    }
    return {
        name: words
        for name, words in found.items()
        if 0 < len(words) <= NAMED // 2
        and all(table.number(word) is None and not has_decimal_comma(word) for word in words)
    }


def is_of_words(table: Table, name: str) -> bool:
    """Whether a column holds no number at all, and not only gaps."""
    words = [word.strip() for word in table.column(name)]
    return any(words) and all(table.number(word) is None for word in words)


def gap_words(table: Table, names: Sequence[str]) -> list[str]:
    """Words in these columns that people write for a missing value, as they are written."""
    words = {word.strip() for name in names for word in table.column(name)}
    return sorted(word for word in words if word.lower() in MARKS)


def numbers(table: Table, name: str, *, gaps: Sequence[str] = (), words: Sequence[str] | None = None) -> list[float]:
    """A column as numbers; other values are added to the table's faults and become 0.

    Args:
        table: Holds it.
        name: Of the column.
        gaps: What stands for a missing value, which is then no fault, and NaN, as a NaN is.
        words: Those that the column holds, numbered by their places; None for one of numbers.
    """
    found: list[float] = []
    places = None if words is None else {word: float(place) for place, word in enumerate(words)}
    for line, word in zip(table.lines, table.column(name), strict=True):
        value = table.number(word) if places is None else places.get(word.strip())
        if gaps and (word.strip() in gaps or (value is not None and math.isnan(value))):
            found.append(math.nan)
            continue
        fault = _fault(word, value, table.decimal) if words is None or not word.strip() else _unknown(word, words)
        if fault is not None:
            table.faults.append(Fault(line, name, *fault))
        found.append(0.0 if value is None or fault else value)
    return found


def _unknown(word: str, words: Sequence[str]) -> tuple[str, str] | None:
    """The fault of a word that is none of these, and its kind."""
    if word.strip() in words:
        return None
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return f"{word.strip()!r} is none of {', '.join(map(repr, words[:NAMED]))}{more}", f"class {word.strip()}"


def _fault(word: str, value: float | None, decimal: str) -> tuple[str, str] | None:
    """The fault of a value, and its kind; None if it is a finite float32."""
    if not word.strip():
        return "the value is missing", "missing"
    if value is None:
        other_sign = number(word) is not None if decimal == "," else has_decimal_comma(word)
        return f"{word!r} is not a number", {".": "comma", ",": "point"}[decimal] if other_sign else "word"
    if not math.isfinite(value):
        return f"{word!r} is not a finite number", "nan" if math.isnan(value) else "infinite"
    return (f"{word!r} is too large for 32 bits", "large") if abs(value) > _LARGEST else None


def line_of(table: Table, faults: Sequence[Fault]) -> str:
    """The first of equal faults, and the lines of the others."""
    first, *others = faults
    column = f", column {first.column!r}:" if first.column else ""
    text = f"{table.path}: {table.unit} {first.line}{column} {first.message}"
    if not others:
        return text
    more = f" and {len(others) - _LINES:,} more" if len(others) > _LINES else ""
    units = f"{table.unit}{'s' * (len(others) > 1)}"
    return f"{text}; also {units} {', '.join(str(fault.line) for fault in others[:_LINES])}{more}"
