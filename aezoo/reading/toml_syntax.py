"""Syntax: a TOML text as what stands in it, comments and empty lines included.

    text  ──tokens──>  lines: Header | Pair | Comment | Blank
                                       └─ value: Leaf | Array | Table

A text that no parser takes is read as far as it can be told.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from aezoo.reading.tokens import Token, toml_tokens

T = TypeVar("T")


class Name(NamedTuple):
    """One part of a key: what it says, and where it is written."""

    text: str
    start: int
    end: int


Key = tuple[Name, ...]


class Blank(NamedTuple):
    """One or more empty lines."""


class Comment(NamedTuple):
    """From `#` to the end of the line; `trailing` if something else stands before it on that line."""

    start: int
    end: int
    trailing: bool


class Leaf(NamedTuple):
    """A string, number, boolean or date, as it is spelt."""

    start: int
    end: int


class Array(NamedTuple):
    """`[ ... ]`; `spread` if it is written one entry a line, with a comma after the last."""

    start: int
    end: int
    items: list[Leaf | Array | Table | Comment | Blank]
    spread: bool

    @property
    def entries(self) -> list[Value]:
        return [item for item in self.items if not isinstance(item, (Comment, Blank))]


class Table(NamedTuple):
    """`{ ... }`."""

    start: int
    end: int
    items: list[Pair | Comment | Blank]

    @property
    def entries(self) -> list[Pair]:
        return [item for item in self.items if isinstance(item, Pair)]


Value = Leaf | Array | Table


class Pair(NamedTuple):
    """`key = value`."""

    key: Key
    value: Value


class Header(NamedTuple):
    """`[key]`, or `[[key]]` for the next entry of a list."""

    key: Key
    entry: bool


Line = Header | Pair | Comment | Blank


def lines(text: str) -> list[Line]:
    """All that stands at the top level of a TOML text, in order."""
    return _Parser(text).top()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [token for token in toml_tokens(text) if token.kind != "space"]
        self.tokens.append(Token("", len(text), len(text)))
        self.at = 0

    def take(self) -> Token:
        """The next token; the last one stays: a text that breaks off has no end."""
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def top(self) -> list[Line]:
        return self.items("", self.line, empty=1)

    def items(self, close: str, read: Callable[[], T], *, empty: int = 0) -> list[T | Comment | Blank]:
        """What stands before the closing sign; `empty` counts the newlines since something stood there."""
        found: list[T | Comment | Blank] = []
        while (token := self.tokens[self.at]).kind not in (close, ""):
            if token.kind == "newline":
                empty += 1
                if empty == 2:
                    found.append(Blank())
            elif token.kind == "comment":
                found.append(Comment(token.start, token.end, trailing=not empty))
            elif token.kind != ",":
                found.append(read())
                empty = 0
                continue
            empty = empty if token.kind == "newline" else 0
            self.at += 1
        return found

    def line(self) -> Header | Pair:
        entry = self.tokens[self.at].kind
        if entry not in ("[", "[["):
            return self.pair()
        self.take()
        header = Header(self.key(), entry=entry == "[[")
        self.take()
        return header

    def pair(self) -> Pair:
        key = self.key()
        self.take()
        return Pair(key, self.value())

    def key(self) -> Key:
        names = []
        while (token := self.tokens[self.at]).kind in ("key", "."):
            if token.kind == "key":
                names.append(Name(_plain(self.text[token.start : token.end]), token.start, token.end))
            self.take()
        return tuple(names)

    def value(self) -> Value:
        first = self.take()
        if first.kind == "[":
            array = self.items("]", self.value)
            spread = self.comma_above()
            return Array(first.start, self.take().end, array, spread)
        if first.kind == "{":
            table = self.items("}", self.pair)
            return Table(first.start, self.take().end, table)
        return Leaf(first.start, first.end)

    def comma_above(self) -> bool:
        """Whether the token before the next one is a comma, on a line above it."""
        before = self.at - 1
        while self.tokens[before].kind == "newline":
            before -= 1
        return before < self.at - 1 and self.tokens[before].kind == ","


def _plain(word: str) -> str:
    """What a key says, without its quotes."""
    if word[0] == "'" or (word[0] == '"' and "\\" not in word):
        return word[1:-1]
    if word[0] != '"':
        return word
    (text,) = tomllib.loads(f"{word} = 0")
    return text
