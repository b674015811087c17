"""Foreign values: what one spelling of a spec could hold and the other could not, or no terminal should show."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from aezoo.errors import Fault, KeyPath

#: Of brackets in brackets, and of any path.
MAX_DEPTH = 64
#: Entries of one list.
MAX_ENTRIES = 10_000
#: What steers a terminal or turns the direction of text instead of being read.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
SURROGATE = re.compile("[\ud800-\udfff]")
#: After so many, one more tells nothing new.
MANY = 1000


class Alien(NamedTuple):
    """A fault, and whether the key or the value at a path causes it."""

    fault: Fault
    path: KeyPath
    key: bool = False


def foreign(value: Any) -> list[Fault]:
    """What no text of a spec could say, in a mapping made by Python: null, NaN, dates, objects, ..."""
    return [alien.fault for alien in aliens(value)]


def aliens(value: Any) -> Iterator[Alien]:
    """All that must not stand in a spec, and where."""
    yield from islice(_walk(value, ()), MANY)


def _walk(value: Any, path: KeyPath) -> Iterator[Alien]:
    if len(path) > MAX_DEPTH:
        yield Alien(Fault(path[:3], "AZ104", f"nested more than {MAX_DEPTH} deep"), path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _key(key, path)
            yield from _walk(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        if len(value) > MAX_ENTRIES:
            yield Alien(Fault(path, "AZ109", f"{len(value):,} entries; a list has at most {MAX_ENTRIES:,}"), path)
            return
        for i, item in enumerate(value):
            yield from _walk(item, (*path, i))
    elif wrong := _wrong(value, path):
        yield Alien(Fault(path, *wrong), path)


def _key(key: Any, path: KeyPath) -> Iterator[Alien]:
    if not isinstance(key, str):
        yield Alien(Fault(path, "AZ106", f"a key is text, this is {key!r}"), (*path, key), key=True)
    elif CONTROL.search(key):
        fault = Fault(path, "AZ108", f"control character in the key {key!a}", "write it without")
        yield Alien(fault, (*path, key), key=True)
    elif SURROGATE.search(key):
        yield Alien(Fault(path, "AZ106", f"half a character in the key {key!a}"), (*path, key), key=True)


def _wrong(value: Any, path: KeyPath) -> tuple[str, str, str] | None:
    """Code, message and hint of a value that is no table and no list."""
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, float):
        finite = math.isfinite(value)
        return None if finite else ("AZ106", f"{value} is no number of a spec", "write a finite one")
    if isinstance(value, int):
        small = -(1 << 63) <= value < 1 << 63
        return None if small else ("AZ104", "a whole number of more than 64 bits", "write it with a point: 1e30")
    if value is None:
        return "AZ106", "null is no value of a spec", "leave the key out"
    dated = type(value).__name__ in ("date", "time", "datetime")
    return "AZ106", f"a {type(value).__name__} is no value of a spec", "write it in quotes" if dated else ""


def _text(value: str, path: KeyPath) -> tuple[str, str, str] | None:
    if SURROGATE.search(value):
        return "AZ106", "half a character: an escape \\ud800 to \\udfff without its other half", "write both halves"
    if path == ("name",) and CONTROL.search(value):
        return "AZ108", f"control character in {value!a}", "a name is shown everywhere: write it without"
    return None
