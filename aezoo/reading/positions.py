"""Places: where every key and every value of a text stands, by its path in the parsed document."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from aezoo.errors import Path
from aezoo.reading.tokens import Token, json_tokens
from aezoo.reading.toml_syntax import Array, Header, Pair, Table, Value, lines


class Span(NamedTuple):
    """A stretch of one line; lines and columns count from 1, in characters."""

    line: int
    column: int
    length: int


class Place(NamedTuple):
    """Where a key and its value stand.

    A table that only a header or a dotted key makes has no value of its own: both point at its name there.
    """

    key: Span | None  # None for an entry of `[ ... ]`
    value: Span


def toml_places(text: str) -> dict[Path, Place]:
    """The place of each table, list, entry and leaf of a TOML text that parses; all but the root."""
    survey = _Survey(text)
    around: Path = ()
    for line in lines(text):
        if isinstance(line, Header):
            around = survey.header(line)
        elif isinstance(line, Pair):
            survey.pair(around, line)
    return survey.found


def json_places(text: str) -> dict[Path, Place]:
    """The place of each table, list, entry and leaf of a JSON text that parses; all but the root.

    Of a key that stands twice in one table the last counts, as it does for a parser.
    """
    return {path: place for path, place, _ in _json_walk(text)}


def repeated(text: str) -> list[tuple[Path, Span]]:
    """Each key that stands in its JSON table a second time or more often, in order."""
    return [(path, place.key) for path, place, again in _json_walk(text) if again and place.key]


class Ruler:
    """Lines and columns of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def span(self, start: int, end: int) -> Span:
        """The stretch from `start` to `end`, or to the end of its first line."""
        line = bisect_right(self.starts, start)
        begin = self.starts[line - 1]
        stop = self.starts[line] - 1 if line < len(self.starts) else len(self.text)
        shown = self.text[start : min(end, stop)].rstrip()
        return Span(line, start - begin + 1, max(1, len(shown)))


class _Survey:
    """Walks the lines of a TOML text and notes each place."""

    def __init__(self, text: str) -> None:
        self.found: dict[Path, Place] = {}
        self.ruler = Ruler(text)
        #: How many entries `[[...]]` has made so far of each list.
        self.entries: dict[Path, int] = {}

    def header(self, header: Header) -> Path:
        """Note the tables that a header makes; returns the path of the one that its lines fill."""
        path: Path = ()
        for name in header.key[:-1]:
            path = self.open((*path, name.text))
            self.found.setdefault(path, self.named(name.start, name.end))
        name = header.key[-1]
        path, place = (*path, name.text), self.named(name.start, name.end)
        if header.entry:
            self.found.setdefault(path, place)
            self.entries[path] = self.entries.get(path, 0) + 1
            path = self.open(path)
        self.found[path] = place  # also over the mention in an earlier [a.b]: this is where the table stands
        return path

    def open(self, path: Path) -> Path:
        """The entry of a list that headers go on with, or the path itself."""
        return (*path, self.entries[path] - 1) if path in self.entries else path

    def named(self, start: int, end: int) -> Place:
        span = self.ruler.span(start, end)
        return Place(span, span)

    def pair(self, around: Path, pair: Pair) -> None:
        path = around
        for name in pair.key:
            path = (*path, name.text)
            self.found.setdefault(path, self.named(name.start, name.end))
        self.value(path, pair.value, self.found[path].key)

    def value(self, path: Path, value: Value, key: Span | None) -> None:
        self.found[path] = Place(key, self.ruler.span(value.start, value.end))
        if isinstance(value, Table):
            for pair in value.entries:
                self.pair(path, pair)
        elif isinstance(value, Array):
            for i, entry in enumerate(value.entries):
                self.value((*path, i), entry, None)


class _Open:
    """A JSON table or list that is being walked through."""

    def __init__(self, path: Path, *, table: bool) -> None:
        self.path = path
        self.table = table
        self.step: str | int = 0
        self.key: Span | None = None
        self.seen: set[str] = set()
        self.again = False

    def name(self, text: str, span: Span) -> None:
        """The key that the next value stands under."""
        self.step, self.key = text, span
        self.again = text in self.seen
        self.seen.add(text)


def _json_walk(text: str) -> Iterator[tuple[Path, Place, bool]]:
    """Each value in order: its path, its place, and whether its key stood in this table before."""
    ruler = Ruler(text)
    tokens = [token for token in json_tokens(text) if token.kind not in ("space", "newline")]
    ends = _ends(tokens)
    opened: list[_Open] = []
    for i, (kind, start, end) in enumerate(tokens):
        around = opened[-1] if opened else None
        if kind in ("]", "}"):
            opened.pop()
        elif kind == "," and around and isinstance(around.step, int):
            around.step += 1
        elif kind == "value" and around and around.table and tokens[i + 1].kind == ":":
            around.name(json.loads(text[start:end]), ruler.span(start, end))
        elif kind not in (",", ":"):
            path = (*around.path, around.step) if around else ()
            if around:
                yield path, Place(around.key, ruler.span(start, ends.get(i, end))), around.again
            if kind != "value":
                opened.append(_Open(path, table=kind == "{"))


def _ends(tokens: list[Token]) -> dict[int, int]:
    """Where each bracket's table or list ends, by the number of the token."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for i, token in enumerate(tokens):
        if token.kind in ("[", "{"):
            opened.append(i)
        elif token.kind in ("]", "}"):
            ends[opened.pop()] = token.end
    return ends
