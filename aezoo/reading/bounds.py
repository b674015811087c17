"""Bounds: how much text a spec may be. A text beyond them is refused before any parser works on it.

A parser may need time quadratic in the parts of a key, or a stack frame for each bracket; the lexer needs neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aezoo.reading.tokens import Token
from aezoo.spec.foreign import MAX_DEPTH

#: A spec is a page of text; whatever is larger is something else.
MAX_BYTES = 1 << 20
#: Parts of one dotted key or header.
MAX_PARTS = 64
#: Words, signs, comments and line ends in all: some 25,000 keys.
MAX_TOKENS = 100_000
#: Characters of a number; the shortest spelling of a double has 24.
MAX_DIGITS = 1000


class Excess(NamedTuple):
    """What there is too much of, and where it begins to be."""

    code: str
    message: str
    start: int
    end: int


def excess(text: str, tokens: Iterable[Token]) -> Excess | None:
    """The first thing in the text that there is too much of."""
    count = depth = parts = 0
    for kind, start, end in tokens:
        if kind == "space":
            continue
        count += 1
        depth += (kind in ("[", "{")) - (kind in ("]", "}"))
        parts = parts + (kind == ".") if kind in ("key", ".") else 0
        if count > MAX_TOKENS:
            message = f"goes on after {MAX_TOKENS:,} words, signs and line ends: more than any spec has"
            return Excess("AZ109", message, start, end)
        if depth > MAX_DEPTH:
            return Excess("AZ104", f"nested more than {MAX_DEPTH} deep", start, end)
        if parts >= MAX_PARTS:
            return Excess("AZ109", f"a key has more than {MAX_PARTS} parts", start, end)
        if kind == "value" and end - start > MAX_DIGITS and text[start] not in "\"'":
            return Excess("AZ104", f"a number or word of {end - start:,} characters", start, end)
    return None
