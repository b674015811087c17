"""Columns of a table that are no plain numbers: classes, in words or numbered, and dates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aezoo.builtins.grouping import days_of
from aezoo.builtins.table_files import MARKS, Fault, Table, numbers

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def field(table: Table, columns: str | Sequence[str], known: Mapping[str, Sequence[str]]) -> npt.NDArray[np.generic]:
    """A field of one column, [N], or of several, [N, K]; words are classes."""
    import numpy as np

    if not isinstance(columns, str):
        return np.stack([np.array(numbers(table, name), dtype=np.float64) for name in columns], axis=1)
    values = [table.number(word) for word in table.column(columns) if word.strip()]
    if columns in known or all(value is None or value.is_integer() for value in values):
        return classes(table, columns, known.get(columns))
    return np.array(numbers(table, columns), dtype=np.float64)


def classes(table: Table, column: str, known: Sequence[str] | None = None) -> npt.NDArray[np.int64]:
    """A column of whole numbers, or of words, which are numbered: [N].

    Args:
        table: Takes the faults.
        column: Its name.
        known: Words with numbers of their own, from 0 on; others are numbered after these, in alphabetical order.
    """
    import numpy as np

    words = [word.strip() for word in table.column(column)]
    values = [table.number(word) for word in words]
    missing = [_is_gap(table, word) for word in words]
    table.faults.extend(Fault(line, column, "no label") for line, gap in zip(table.lines, missing, strict=True) if gap)
    if known is None and all(gap or value is not None for gap, value in zip(missing, values, strict=True)):
        cells = zip(table.lines, words, values, strict=True)
        return np.array([_whole(table, column, *cell) for cell in cells], dtype=np.int64)
    places = {word: place for place, word in enumerate(words_in_order(table, column, known or ()))}
    return np.array([places.get(word, 0) for word in words], dtype=np.int64)


def words_in_order(table: Table, column: str, known: Sequence[str]) -> list[str]:
    """The words of a column of classes, in the order of their numbers: known ones, then others alphabetically."""
    return [
        *known,
        *sorted({word for word in map(str.strip, table.column(column)) if not _is_gap(table, word)} - {*known}),
    ]


def holds_words(table: Table, column: str) -> bool:
    """Whether a column of classes has a word that is no number."""
    return any(table.number(word) is None for word in map(str.strip, table.column(column)) if word)


def _is_gap(table: Table, word: str) -> bool:
    value = table.number(word)
    return not word or (value is not None and math.isnan(value))


def _whole(table: Table, column: str, line: int, word: str, value: float | None) -> int:
    """The whole number of a label, exact as far as 64 bits go; what is none becomes a fault, and 0."""
    if value is None or math.isnan(value):  # no label: that is a fault already
        return 0
    if not (math.isfinite(value) and value.is_integer()):
        table.faults.append(Fault(line, column, f"{word!r} is no class: a label is a whole number or a word", "class"))
        return 0
    exact = int(word) if word.lstrip("+-").isdecimal() else int(value)
    if not -(2**63) <= exact < 2**63:
        table.faults.append(Fault(line, column, f"{word!r} is too large for 64 bits", "long"))
        return 0
    return exact


def classes_of(table: Table, column: str) -> list[str] | None:
    """The words of a column of classes in alphabetical order, which are numbered by it.

    None for a column of numbers, or of words that hardly repeat: these are names, which no model should keep.
    """
    words = [word.strip() for word in table.column(column)]
    distinct = {*words} - {""}
    if all(table.number(word) is not None for word in distinct) or 2 * len(distinct) > len(words):
        return None
    return sorted(distinct)


def days(table: Table, name: str, *, gaps: Sequence[str] = ()) -> list[float]:
    """A column of dates as days since 1970-01-01; other values are added to the table's faults and become 0.

    Args:
        table: Holds it.
        name: Of the column.
        gaps: As for `numbers`.
    """
    found: list[float] = []
    zone = ""
    for line, cell in zip(table.lines, table.column(name), strict=True):
        word = cell.strip()
        date = days_of(word)
        if gaps and word in gaps:
            found.append(math.nan)
            continue
        zone = zone or (date[0] if date else "")
        if not word:
            table.faults.append(Fault(line, name, "the value is missing", "missing"))
        elif date is None:
            table.faults.append(Fault(line, name, f"{word!r} is no date such as 2026-05-31", "date"))
        elif date[0] != zone:
            table.faults.append(Fault(line, name, f"{word!r} is {date[0]}, dates before are {zone}", "zone"))
        found.append(date[1] if date else 0.0)
    return found


def holds_dates(table: Table, name: str, gaps: Sequence[str] = ()) -> bool:
    """Whether a column holds dates, and nothing else but gaps."""
    words = {word.strip() for word in table.column(name)} - {"", *gaps}
    return bool(words) and all(days_of(word) for word in words if word.lower() not in MARKS)
