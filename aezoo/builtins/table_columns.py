"""A table from columns of Python values, such as those of a data frame, with the checks of one in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aezoo.builtins.table_files import Table
from aezoo.plugin import DataError


def table_of(columns: Mapping[str, Sequence[Any]], source: str) -> Table:
    """The table of columns of one length. Raises `DataError` if there are no rows, or a cell is no single value."""
    cells = [[_cell(value, source, row, name) for row, value in enumerate(values)] for name, values in columns.items()]
    if not cells or not cells[0]:
        raise DataError(f"{source}: holds no rows")
    rows = [list(row) for row in zip(*cells, strict=True)]
    return Table(Path(source), [*columns], rows, [*range(len(rows))], [], unit="row")


def _cell(value: Any, source: str, row: int, name: str) -> str:
    """A value as text, from which the same number is read again; empty where it is missing."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return str(int(value))
    if hasattr(value, "__len__") or hasattr(value, "shape"):
        shape = getattr(value, "shape", None)
        if shape != ():
            what = f"row {row}, column {name!r}: holds a {type(value).__name__}, not one value"
            raise DataError(f"{source}: {what}", hint="pass samples of several numbers as an array [N, ...]")
        value = value.item()
    # NaN and NaT are not equal to themselves, and whether NA is cannot be said.
    equal = value == value
    return str(value) if equal is True else ""
