"""Edits: keys renamed, put and taken, in a plain table or in a TOML document that keeps its comments and its order.

A migration is written once, over these; it sees the same tables in a TOML document as in a mapping.
"""

from __future__ import annotations

from typing import Any

Table = dict[str, Any]
Holder = dict[str, Any] | list[Any]


def rename(table: Table, old: str, new: str) -> None:
    """Call a key something else, at its place; a key that is not there stays so."""
    if old not in table:
        return
    if _commented(table):
        from aezoo.reading import commented

        commented.rename(table, old, new)
    else:
        items = [(new if key == old else key, value) for key, value in table.items()]
        table.clear()
        table.update(items)


def put(holder: Holder, key: Any, value: Any) -> None:
    """Set a key, or an entry of a list; a new table in a TOML document is written on one line."""
    if _commented(holder) and isinstance(value, dict):
        from aezoo.reading import commented

        value = commented.moved(value) if _commented(value) else commented.inline(value)
    holder[key] = value


def take(table: Table, key: str) -> Any:
    """Take a key out, and give what it held."""
    value = table.pop(key)
    if _commented(table):
        from aezoo.reading import commented

        commented.tidy(table)
    return value


def _commented(value: Any) -> bool:
    """Whether a value is part of a TOML document. Asked by its class: a plain one must not wake the parser."""
    return type(value).__module__.startswith("tomlkit.")
