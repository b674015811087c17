"""What a table says of itself: how it is written, and which of its columns can be features.

A column is no feature if it names or counts the rows, never changes, holds text, or is all but empty. Each is left out
by a setting, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.builtins import table_files
from aezoo.builtins.table_files import NAMED, Dialect, Table
from aezoo.plugin import Column, DataError, Description

#: Signs that may stand between columns, and how many lines are looked at for them.
DELIMITERS, LOOKED_AT = ",;\t|", 20
#: Different words of a column, at most: beyond that they are text. And how often each occurs at least, on average.
MOST_WORDS, EACH = 32, 5
#: Share of missing values from which on nothing can be learnt of a column.
EMPTY = 0.5
#: What names of columns look like that name the rows.
_NAMES_ROWS = re.compile(r"(^|[_\W])(id|uid|uuid|key|index|rownames?|unnamed)($|[_\W\d])|[a-z]I[Dd]$", re.IGNORECASE)
#: Encodings that are tried, in this order; the last one reads any bytes.
ENCODINGS = (None, "cp1252", "latin-1")


class Kept(NamedTuple):
    """A column as it was looked at: a feature, or a reason why it is none.

    Attributes:
        column: The feature.
        why: The reason.
        names: Whether it could name the samples.
    """

    column: Column | None = None
    why: str = ""
    names: bool = False


def describe(path: Path, label: str | None) -> Description:
    """What a table holds. Raises `DataError` where it can be read in no way, or has no column `label`."""
    table, dialect = _read(path)
    if label is not None and label not in table.header:
        there = ", ".join(table.header[:NAMED])
        raise DataError(f"{path}: has no column {label!r}", hint=f"--label takes one of {there}")
    settings = {name: value for name, value in dialect._asdict().items() if value not in (None, ".")}
    reasons = {"delimiter": "between its columns", "encoding": "of its text", "decimal": "its sign before decimals"}
    reasons["header"] = "its first line is a sample: columns are called 0, 1, ..."
    marks = _gap_marks(table, [name for name in table.header if name != label])
    looked_at = {name: _look(table, name, marks) for name in table.header if name != label}
    columns = tuple(kept.column for kept in looked_at.values() if kept.column is not None)
    if not columns:
        why = "; ".join(f"{name!r} {kept.why}" for name, kept in [*looked_at.items()][:NAMED])
        raise DataError(f"{path}: no column can be a feature: {why}", hint="give a table with columns of numbers")
    if label is not None:
        settings["label"], reasons["label"] = label, "known of the samples, and no input"
    left_out = {name: kept.why for name, kept in looked_at.items() if kept.column is None}
    naming = next((name for name, kept in looked_at.items() if kept.names), None)
    if naming is not None:
        settings["id"], reasons["id"] = naming, left_out.pop(naming)
    if left_out:
        settings["exclude"] = tuple(left_out)
        reasons["exclude"] = "; ".join(f"{name} {why}" for name, why in left_out.items())
    settings |= _gap_settings(columns, marks)
    if any(column.gaps for column in columns):
        reasons["missing"] = f"{sum(column.gaps for column in columns):,} values are missing"
    if words := {column.name: column.words for column in columns if column.words}:
        settings["categories"], reasons["categories"] = words, "columns of words, which are read as their places"
    return Description(settings, {name: why for name, why in reasons.items() if name in settings}, columns)


def _gap_settings(columns: Sequence[Column], marks: Sequence[str]) -> dict[str, Any]:
    if not any(column.gaps for column in columns):
        return {}
    return {"missing": "mask", **({"gaps": tuple(marks)} if marks else {})}


# --- how it is written --------------------------------------------------------------------------------------


def _read(path: Path) -> tuple[Table, Dialect]:
    """The lines, and how they are written as far as the defaults do not say it."""
    dialect = Dialect(_delimiter(path), _encoding(path))
    try:
        table = table_files.read_table(path, dialect)
    except DataError as error:
        if "first line holds numbers" not in error.message:
            raise
        dialect = dialect._replace(header=False)
        table = table_files.read_table(path, dialect)
    if table.faults:
        raise DataError(f"{path}: {table.unit} {table.faults[0].line} {table.faults[0].message}", hint="correct it")
    if _has_decimal_commas(table):
        dialect = dialect._replace(decimal=",")
        table = table._replace(decimal=",")
    return table, dialect


def _encoding(path: Path) -> str | None:
    """The first encoding that can be meant; None for what needs no saying."""
    with path.open("rb") as file:
        start = file.read(1 << 20)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):  # a mark says it
        return None
    for encoding in ENCODINGS:
        try:
            # The last character may be cut in two.
            start[: start.rfind(b"\n") + 1 or None].decode(encoding or "utf-8-sig")
        except UnicodeDecodeError:
            continue
        return encoding
    return None


def _delimiter(path: Path) -> str | None:
    """The sign that stands in every line equally often, and most often; None where that is the default."""
    with path.open("rb") as file:
        lines = [line for _, line in zip(range(LOOKED_AT), file, strict=False)]
    texts = [line.decode("latin-1").rstrip("\r\n") for line in lines if line.strip()]
    if texts and texts[0].startswith(("sep=", '"sep=')):
        return None
    default = table_files.default_delimiter(path)
    counts = {sign: [text.count(sign) for text in texts] for sign in DELIMITERS}
    even = {sign: found[0] for sign, found in counts.items() if found and found[0] and len({*found}) == 1}
    if counts[default] and counts[default][0] and (default in even or not even):
        # A decimal comma stands in every line, too.
        default_is_decimal = default == "," and even.get(";", 0) > 0
        return ";" if default_is_decimal else None
    return max(even, key=lambda sign: even[sign], default=None)


def _has_decimal_commas(table: Table) -> bool:
    cells = [cell for row in table.rows[:1000] for cell in row]
    return any(map(table_files.has_decimal_comma, cells)) and not any("." in cell and _number(cell) for cell in cells)


def _number(cell: str) -> bool:
    return table_files.number(cell) is not None


# --- its columns --------------------------------------------------------------------------------------------


def _gap_marks(table: Table, names: Sequence[str]) -> list[str]:
    """Words that stand for a missing value: in columns that are of numbers otherwise, or by what they are."""
    return [word for word in table_files.gap_words(table, names) if word.lower() not in ("-", "none", "unknown")] + [
        word for word in table_files.gap_words(table, [name for name in names if _is_of_numbers(table, name)])
        if word.lower() in ("-", "none", "unknown")
    ]  # fmt: skip


def _is_of_numbers(table: Table, name: str) -> bool:
    numbers = [table.number(word) is not None for word in table.column(name)]
    return 2 * sum(numbers) > len(numbers)


def _look(table: Table, name: str, marks: Sequence[str]) -> Kept:
    """What a column is good for."""
    cells = [cell.strip() for cell in table.column(name)]
    values = [table.number(cell) for cell in cells]
    missing = [cell == "" or cell in marks or value != value for cell, value in zip(cells, values, strict=True)]
    known = [(c, v) for c, v, gap in zip(cells, values, missing, strict=True) if not gap]
    gaps = sum(missing)
    if name == "":
        return Kept(why="has no name")
    if gaps > EMPTY * len(cells):
        return Kept(why=f"is missing in {gaps:,} of {len(cells):,} rows")
    if len({cell for cell, _ in known}) == 1:
        return Kept(why="never changes")
    words = [cell for cell, value in known if value is None]
    if words:
        return _of_words(name, [cell for cell, _ in known], words, gaps, of_all=len(words) == len(known))
    return _of_numbers(name, [value for _, value in known if value is not None], gaps)


def _of_words(name: str, cells: Sequence[str], words: Sequence[str], gaps: int, *, of_all: bool) -> Kept:
    distinct = sorted({*cells})
    if not of_all:
        return Kept(why=f"holds numbers and words, such as {words[0][:20]!r}")
    if len(distinct) == len(cells) and not gaps:
        return Kept(why="names the samples", names=True)
    if len(distinct) > MOST_WORDS or len(cells) < EACH * len(distinct):
        return Kept(why=f"holds text: {len(distinct):,} different words")
    return Kept(Column(name, "words", tuple(distinct), gaps))


def _of_numbers(name: str, values: Sequence[float], gaps: int) -> Kept:
    whole = all(value.is_integer() for value in values)
    if whole and not gaps and len({*values}) == len(values) > 2:
        steps = [after - before for before, after in zip(values, values[1:], strict=False)]
        if {*steps} == {1.0}:
            return Kept(why="counts the rows")
        if _NAMES_ROWS.search(name):
            return Kept(why="names the rows by numbers", names=True)
        if all(step > 0 for step in steps):
            return Kept(why="rises from row to row, as a count of them does")
    if whole and {*values} <= {0.0, 1.0}:
        return Kept(Column(name, "bits", gaps=gaps))
    return Kept(Column(name, "count" if whole and min(values) >= 0 else "number", gaps=gaps))
