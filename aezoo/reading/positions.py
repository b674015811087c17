"""Positions: where every key and every value of a text stands, by its path in the parsed document."""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from aezoo.errors import KeyPath
from aezoo.reading.tokens import Token, json_tokens, toml_tokens


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


def toml_places(text: str) -> dict[KeyPath, Place]:
    """The position of each table, list, entry and leaf of a TOML text that parses; all but the root."""
    scanner = _Scanner(text, [*toml_tokens(text)])
    scanner.statements()
    return scanner.places


def json_places(text: str) -> dict[KeyPath, Place]:
    """The position of each table, list, entry and leaf of a JSON text that parses; all but the root.

    Of a key that stands twice in one table the last counts, as it does for a parser.
    """
    places = _json(text).places
    return {path: position for path, position in places.items() if path}


def repeated(text: str) -> list[tuple[KeyPath, Span]]:
    """Each key that stands in its JSON table a second time or more often, in order."""
    return _json(text).repeats


def _json(text: str) -> _Scanner:
    scanner = _Scanner(text, [*json_tokens(text)])
    scanner.value((), None)
    return scanner


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


class _Scanner:
    """Goes through the tokens of a text that parses, TOML or JSON, and notes each position."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text = text
        self.tokens = [token for token in tokens if token.kind not in ("space", "newline", "comment")]
        self.tokens.append(Token("", len(text), len(text)))
        self.at = 0
        self.ends = _ends(self.tokens)
        self.ruler = Ruler(text)
        self.places: dict[KeyPath, Place] = {}
        #: Keys of JSON tables that were there before.
        self.repeats: list[tuple[KeyPath, Span]] = []
        #: How many entries `[[...]]` has made so far of each list.
        self.entries: dict[KeyPath, int] = {}

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def statements(self) -> None:
        """All of a TOML text: headers, and the pairs below them."""
        around: KeyPath = ()
        while kind := self.tokens[self.at].kind:
            if kind in ("[", "[["):
                around = self.header()
            else:
                self.pair(around, self.key())

    def header(self) -> KeyPath:
        """Note the tables that a header makes; returns the path of the one that its lines fill."""
        entry = self.take().kind == "[["
        *above, (name, span) = self.key()
        self.take()
        path: KeyPath = ()
        for step, mention in above:
            path = self.open((*path, step))
            self.places.setdefault(path, Place(mention, mention))
        path = (*path, name)
        if entry:
            self.places.setdefault(path, Place(span, span))
            self.entries[path] = self.entries.get(path, 0) + 1
            path = self.open(path)
        self.places[path] = Place(span, span)  # also over the mention in an earlier [a.b]: this is where it stands
        return path

    def open(self, path: KeyPath) -> KeyPath:
        """The entry of a list that headers go on with, or the path itself."""
        return (*path, self.entries[path] - 1) if path in self.entries else path

    def key(self) -> list[tuple[str, Span]]:
        """The parts of a TOML key: what each says, and where."""
        names = []
        while (token := self.tokens[self.at]).kind in ("key", "."):
            if token.kind == "key":
                word = self.text[token.start : token.end]
                names.append((_unquoted(word), self.ruler.span(token.start, token.end)))
            self.take()
        return names

    def pair(self, around: KeyPath, names: Sequence[tuple[str, Span]]) -> None:
        path = around
        for name, span in names:
            path = (*path, name)
            self.places.setdefault(path, Place(span, span))
        self.take()
        self.value(path, span)

    def value(self, path: KeyPath, key: Span | None) -> None:
        end = self.ends.get(self.at)
        kind, start, stop = self.take()
        self.places[path] = Place(key, self.ruler.span(start, end or stop))
        if kind == "[":
            self.array(path)
        elif kind == "{":
            self.table(path)

    def array(self, path: KeyPath) -> None:
        """`[ ... ]`."""
        index = 0
        while (kind := self.tokens[self.at].kind) != "]":
            if kind == ",":
                self.take()
            else:
                self.value((*path, index), None)
                index += 1
        self.take()

    def table(self, path: KeyPath) -> None:
        """`{ ... }`; in JSON a key is a value that a colon follows."""
        seen = set[str]()
        while (kind := self.tokens[self.at].kind) != "}":
            if kind == ",":
                self.take()
            elif kind == "key":
                self.pair(path, self.key())
            else:
                _, start, end = self.take()
                name, span = json.loads(self.text[start:end]), self.ruler.span(start, end)
                if name in seen:
                    self.repeats.append(((*path, name), span))
                seen.add(name)
                self.pair(path, [(name, span)])
        self.take()


def _unquoted(word: str) -> str:
    """What a TOML key says, without its quotes."""
    if word[0] == "'" or (word[0] == '"' and "\\" not in word):
        return word[1:-1]
    if word[0] != '"':
        return word
    (text,) = tomllib.loads(f"{word} = 0")
    return text


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
