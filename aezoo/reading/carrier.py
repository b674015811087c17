"""Carrier: what every migration does to a table, and its list of what cannot be carried over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from aezoo.errors import Fault, Path
from aezoo.reading.edits import Holder, Table, put, rename, take

#: `conv@1`: a part in a version of its own.
PIN = re.compile(r"([\w:]+)@(\d+)")


class Carrier:
    """Holds a table while it is carried over, and notes what cannot be."""

    def __init__(self, table: Table) -> None:
        self.table = deepcopy(table)
        self.faults: list[Fault] = []
        #: Whether bases stand below: what they say cannot be seen from here.
        self.based = "extends" in table

    def lost(self, path: Path, message: str, hint: str = "") -> None:
        """Note a key that this format has no word for."""
        self.faults.append(Fault(path, "AZ211", message, hint))

    def renamed(self, table: Table, names: Mapping[str, str], path: Path) -> None:
        """Keys by their new names; one that is there already is not written over."""
        for old, new in names.items():
            if old in table and new in table:
                self.lost((*path, old), f"is called {new!r} now, which is there, too", "leave one of them out")
            else:
                rename(table, old, new)

    def dropped(self, table: Table, key: str, implied: tuple[Any, ...], path: Path, hint: str) -> None:
        """Take out a key that holds what goes without saying now; refuse any other value."""
        if key not in table:
            return
        if table[key] in implied:
            take(table, key)
        else:
            self.lost((*path, key), f"cannot be {table[key]!r} now", hint)

    def retyped(self, holder: Holder, key: Any, names: Mapping[str, str], path: Path) -> None:
        """The type of a part by its new name and without its version; a part is a table or a bare name."""
        part = holder[key]
        if isinstance(part, dict) and "type" in part:
            self.retyped(part, "type", names, (*path, "type"))
        elif isinstance(part, str):
            pin = PIN.fullmatch(part)
            if pin and pin[2] != "1":
                self.lost(path, f"names a version of {pin[1]!r} that is not here", f"write {pin[1]!r}")
            bare = pin[1] if pin else part
            if names.get(bare, bare) != part:
                put(holder, key, names.get(bare, bare))


def tables(value: Any) -> Iterator[tuple[str, Table]]:
    """The tables that a table holds, by key; nothing, if it is no table."""
    for key, item in list(value.items()) if isinstance(value, dict) else ():
        if isinstance(item, dict):
            yield key, item


def indices(value: Any) -> range:
    """The positions of a list; none, if it is no list."""
    return range(len(value) if isinstance(value, list) else 0)


def strings(value: Any, path: Path = ()) -> Iterator[tuple[Holder, Any, Path]]:
    """Every text in a table: what holds it, under which key, and where."""
    keys = list(value) if isinstance(value, dict) else indices(value)
    for key in keys:
        if isinstance(value[key], str):
            yield value, key, (*path, key)
        else:
            yield from strings(value[key], (*path, key))


def plain(value: Any) -> Any:
    """A value without the layout it had in a TOML document."""
    unwrap = getattr(value, "unwrap", None)
    return unwrap() if unwrap else value
