"""Syntax errors: what a parser cannot read, in the words of someone who writes specs, and where it stands.

A message that is not known here is passed on as the parser says it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

from aezoo.reading.positions import Ruler
from aezoo.reading.tokens import Token, toml_tokens

#: Of a longer text, only the first mistake is reported: to look for the next one, it is parsed again.
SHORT = 1 << 14
MANY = 10

NOT_CLOSED = "a string is not closed"
INLINE = "an inline table stands on one line, with no comma after the last entry"
CLOSE = 'close it on its own line; text of several lines stands in """..."""'
#: How a parser's message begins -> what it means, and what to do.
TOML = {
    "Expected '='": ("a key is followed by `=`", "write key = value"),
    "Expected ']'": ("a header is not closed", "write [name] or [[name]] on one line"),
    "Invalid initial": ("a key is missing here", "write one"),
    "Unclosed array": ("a list is not closed, or a comma is missing in it", "write [a, b]"),
    "Unclosed inline": ("an inline table is not closed, or a comma is missing in it", "write { a = 1, b = 2 }"),
    "Unescaped": ('a backslash in "..." begins an escape', "write \\\\, or put the text in single quotes"),
    "Invalid hex": ("an escape lacks digits", "write \\u00e9 with four digits, \\U0001f600 with eight"),
    "Escaped character": ("an escape that is no character", "a pair of surrogates is written as one \\U escape"),
}
JSON = {
    "Expecting property name": ("a key in double quotes is missing here", "JSON takes no comma after the last entry"),
    "Expecting ':'": ("a key is followed by `:`", 'write "key": value'),
    "Expecting ','": ("a comma is missing, or a bracket is not closed", "JSON has no comments"),
    "Extra data": ("something follows the end of the document", "a spec is one table"),
    "Unterminated string": ("a string is not closed", 'close it with "'),
    "Invalid control character": ("a string is not closed, or a control character stands in it", "write it as \\n"),
    "Invalid \\": ("a backslash begins an escape", "write \\\\"),
}
#: How the word begins where a value should stand -> what to do.
VALUES = {
    r"(?i)(true|false)\b": "write `true` or `false`",
    r"(?i)(null|none|nil)\b": "leave the key out: a spec has no null",
    r"[+-]?\.": "write a digit before the point: 0.5",
    r"\w|[“”‘’`]": 'text stands in straight quotes: "..."',
}
#: How the rest of a line begins after its value -> what to do.
RESTS = {
    r"[\d._]|[eE][+-]?\d": "numbers look like 1, 0.5 or 1e-3",
    r",": "a line ends without a comma",
    r"[\]}]": "there is one closing bracket too many",
    r"//": "a comment begins with #",
    r"[-:]\d": "a date stands in quotes",
}
#: How a line begins that has no key -> what to do.
STARTS = {
    r"\{": "if this is JSON, let the name of the file end in .json",
    r"//|/\*|;|--": "a comment begins with #",
    r"[^\x00-\x7f]": 'a key with other letters than a-z stands in quotes: "..."',
}


class Mistake(NamedTuple):
    """What is wrong with a text, what to do, and from where to where it stands."""

    message: str
    hint: str
    start: int
    end: int


def json_mistake(text: str, error: json.JSONDecodeError) -> Mistake:
    """What JSON cannot read."""
    at = min(error.pos, len(text.rstrip()))
    end = _word_end(text, at)
    if error.msg == "Expecting value":
        return Mistake(*_value(text[at:end]), at, end)
    return Mistake(*_meaning(JSON, error.msg), at, end)


def toml_mistakes(text: str) -> Iterator[Mistake]:
    """Every statement that TOML cannot read, each as if the ones before it were not there."""
    for _ in range(MANY if len(text) <= SHORT else 1):
        try:
            tomllib.loads(text)
            return
        except tomllib.TOMLDecodeError as error:
            broken = _Statement(text, _position(text, str(error)))
            yield broken.mistake(re.sub(r" \(at [^()]*\)$", "", str(error)))
        statement = text[broken.start : broken.end].strip()
        # Without its header a line would be taken for another table's.
        if statement.startswith("[") or not statement:
            return
        gap = re.sub(r"[^\n]", " ", text[broken.start : broken.end])  # what follows stays where it is
        text = text[: broken.start] + gap + text[broken.end :]


class _Statement:
    """The key and value, or the header, in which the parser gave up at a position."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.start, self.end = 0, len(text)
        self.keys: list[Token] = []
        self.opened: list[Token] = []
        #: The quote that begins a string without an end.
        self.quote: int | None = None
        self._walk()

    def _walk(self) -> None:
        depth, valued = 0, False
        for token in toml_tokens(self.text):
            kind, start, end = token
            if kind == "?":
                return self._breaks_off(start)
            if kind == "newline" and not depth:
                if end > self.at:
                    self.end = start
                    return
                self.start, self.keys, valued = end, [], False
            valued |= kind == "="
            if valued:
                depth += (kind in ("[", "{")) - (kind in ("]", "}"))
            if start < self.at:
                self._pass(token, valued=valued)

    def _pass(self, token: Token, *, valued: bool) -> None:
        """Note a token that stands before the position."""
        if token.kind == "key":
            self.keys.append(token)
        elif valued and token.kind in ("[", "{"):
            self.opened.append(token)
        elif token.kind in ("]", "}") and self.opened:
            self.opened.pop()

    def _breaks_off(self, start: int) -> None:
        whole = self.text.startswith(('"""', "'''"), start)
        line = self.text.find("\n", max(start, self.at))
        self.end = len(self.text) if whole or line < 0 else line
        self.quote = start if self.text[start] in "\"'" else None

    def mistake(self, message: str) -> Mistake:
        """What the parser's message means."""
        text, last = self.text, len(self.text.rstrip(" \t\r\n"))
        at = min(self.at, last)
        if message.startswith(("Cannot", "Duplicate")) and self.keys:
            _, start, end = self.keys[-1]
            return Mistake(f"{text[start:end]} is there already", "say each key and each table once", start, end)
        if self.quote is not None and self.quote < self.at:
            return Mistake(NOT_CLOSED, CLOSE, self.quote, self.quote + 1)
        if message.startswith("Unclosed") and at == last and self.opened:
            at = self.opened[-1].start
        if message.startswith("Unescaped"):  # the parser has gone past it
            at = max(text.rfind("\\", self.start, at), self.start)
        return Mistake(*self._explanation(message, at), at, _word_end(text, at))

    def _explanation(self, message: str, at: int) -> tuple[str, str]:
        word = self.text[at : _word_end(self.text, at)]
        if message.startswith("Invalid value"):
            return _value(word)
        if message.startswith("Expected newline"):
            return "a line ends after its value, this one goes on", _hint(RESTS, word) or "begin a new line here"
        if message.startswith("Invalid statement"):
            return "a line begins with a key or a [header]", _hint(STARTS, word) or "write key = value"
        if message.startswith(("Illegal", "Found invalid")):
            return f"a control character, {self.text[at : at + 1]!a}", "write it as \\u and four digits, in quotes"
        meant, hint = _meaning(TOML, message)
        return meant, INLINE if self.opened and message.startswith("Invalid initial") else hint


def _value(word: str) -> tuple[str, str]:
    """What is wrong where a value should stand."""
    if not word.strip(",]}"):
        return "a value is missing here", "write one, or take out what leads to it"
    return f"{_shown(word)} is no value", _hint(VALUES, word)


def _position(text: str, message: str) -> int:
    match = re.search(r"\(at line (\d+), column (\d+)\)$", message)
    return Ruler(text).starts[int(match[1]) - 1] + int(match[2]) - 1 if match else len(text)


def _word_end(text: str, at: int) -> int:
    """Where the word at this position ends; a sign is a word of its own."""
    match = re.compile(r"[^\s,\[\]{}=\"'#]+|\S|").match(text, at)
    return match.end() if match else at


def _meaning(table: dict[str, tuple[str, str]], message: str) -> tuple[str, str]:
    for begin, meant in table.items():
        if message.startswith(begin):
            return meant
    return message[:1].lower() + message[1:], ""


def _hint(table: dict[str, str], word: str) -> str:
    return next((hint for pattern, hint in table.items() if re.match(pattern, word)), "")


def _shown(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:40]}..."
