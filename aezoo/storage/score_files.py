"""Scores as files hold them, which a person may have written."""

from __future__ import annotations

from collections.abc import Mapping


def numbers(row: object) -> dict[str, float]:
    """The entries of a table that are numbers: null stands for what is not finite, and a thousand digits for a joke."""
    table = row if isinstance(row, Mapping) else {}
    return {str(name): float(value) for name, value in table.items() if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1 << 63
