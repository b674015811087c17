"""Tokens: where the words and signs of a TOML or JSON text begin and end.

The lexers know enough grammar to tell a key from a value, and no more. They take every text that a parser takes;
where none could go on they give one last token `?` and stop, so that no text costs more than one look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

#: Quantifiers are possessive: a string that never ends is looked through once, not once a character.
_BASIC = r'"(?!"")(?:[^"\\\n]++|\\.)*+"'
_LITERAL = r"'(?!'')[^'\n]*+'"
_TRIVIA = r"(?P<space>[ \t]+)|(?P<newline>\r?\n)|(?P<comment>\#[^\r\n]*+)"
#: Of a header, before `=`, and in an inline table before `=`.
_KEYS = re.compile(rf"{_TRIVIA}|(?P<key>[A-Za-z0-9_-]+|{_BASIC}|{_LITERAL})|(?P<sign>\[\[|\]\]|[\[\]{{}}=.,])")
_VALUES = re.compile(
    rf"""{_TRIVIA}|(?P<value>
        \"\"\"(?:[^"\\]++|\\[\s\S]|"{{1,2}}(?!"))*+"{{3,5}}
      | '''(?:[^']++|'{{1,2}}(?!'))*+'{{3,5}}
      | {_BASIC} | {_LITERAL}
      | \d{{4}}-\d\d-\d\d[ ]\d[^\s,\[\]{{}}=\#"']*+  # a date and a time with a space between them
      | [^\s,\[\]{{}}=\#"']++
    )|(?P<sign>[\[\]{{}}=,])""",
    re.VERBOSE,
)
_JSON = re.compile(
    r"""(?P<space>[ \t\r]+)|(?P<newline>\n)|(?P<value>"(?:[^"\\]++|\\.)*+"|[^\s,:\[\]{}"]++)|(?P<sign>[\[\]{}:,])"""
)


class Token(NamedTuple):
    """A stretch of the text: `key`, `value`, `comment`, `newline`, `space`, a sign of the grammar itself, or `?`.

    A JSON key is a `value`: only the colon after it tells.
    """

    kind: str
    start: int
    end: int


def toml_tokens(text: str) -> Iterator[Token]:
    """All tokens of a TOML text, in order, without a gap."""
    opened: list[str] = []
    pattern, at = _KEYS, 0
    while at < len(text):
        match = pattern.match(text, at)
        if match is None:
            yield Token("?", at, len(text))
            return
        kind = match.lastgroup or ""
        sign = match.group() if kind == "sign" else ""
        yield Token(sign or kind, at, match.end())
        at = match.end()
        if sign == "=":
            pattern = _VALUES
        elif sign in ("[", "{") and pattern is _VALUES:
            opened.append(sign)
            pattern = _KEYS if sign == "{" else _VALUES
        elif sign in ("]", "}") and opened:
            opened.pop()
            pattern = _VALUES
        elif (sign == "," and opened[-1:] == ["{"]) or (kind == "newline" and not opened):
            pattern = _KEYS


def json_tokens(text: str) -> Iterator[Token]:
    """All tokens of a JSON text, in order, without a gap."""
    at = 0
    while at < len(text):
        match = _JSON.match(text, at)
        if match is None:
            yield Token("?", at, len(text))
            return
        kind = match.lastgroup or ""
        yield Token(match.group() if kind == "sign" else kind, at, match.end())
        at = match.end()
