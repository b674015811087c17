"""TOML as people write it: the same document in every way that the grammar has for it."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import strategies as st

LETTERS = st.characters(exclude_categories=("Cs",))
KEYS = st.sampled_from(["a", "b", "type", "0", "x-y", "1.5", "true", ""]) | st.text(LETTERS, max_size=5)
LEAVES = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(LETTERS, max_size=12)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


class Writer:
    """Writes a document and throws dice at every turn: headers, dotted keys, quotes, comments, spaces, line ends."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def one(self, *choices: str) -> str:
        return self.dice.choice(choices)

    def text(self, document: dict[str, Any]) -> str:
        text = self.table(document, [])
        return text.replace("\n", "\r\n") if self.dice.random() < 0.2 else text

    def table(self, table: dict[str, Any], path: list[str]) -> str:
        """The lines of a table: its pairs first, what has headers of its own after them."""
        pairs, below = [], []
        for key, value in table.items():
            headed = isinstance(value, dict) or (
                isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
            )
            if headed and self.dice.random() < 0.6:
                below.append(self.headed([*path, key], value))
            else:
                pairs += self.pairs([key], value)
        self.dice.shuffle(pairs)
        return "".join([*pairs, *below])

    def headed(self, path: list[str], value: Any) -> str:
        if isinstance(value, dict):
            text = self.table(value, path)
            # A table that has tables below it need not be said itself.
            implied = bool(value) and text.lstrip(" \t").startswith("[") and self.dice.random() < 0.5
            return text if implied else self.header("[", path) + text
        return "".join(self.header("[[", path) + self.table(item, path) for item in value)

    def header(self, sign: str, path: list[str]) -> str:
        key = self.key(path)
        inner = self.one("", " ", "\t")
        return f"{self.one('', '  ')}{sign}{inner}{key}{inner}{']' * len(sign)}{self.line_end()}"

    def pairs(self, path: list[str], value: Any) -> list[str]:
        """One line, or for a table one for each of its keys."""
        if isinstance(value, dict) and value and self.dice.random() < 0.4:
            return [line for key, item in value.items() for line in self.pairs([*path, key], item)]
        return [f"{self.one('', ' ')}{self.pair(path, value)}{self.line_end()}"]

    def pair(self, path: list[str], value: Any) -> str:
        return f"{self.key(path)}{self.one('', ' ', '  ')}={self.one('', ' ', '	')}{self.value(value)}"

    def key(self, path: list[str]) -> str:
        return self.one(".", " . ", ". ").join(self.name(name) for name in path)

    def name(self, name: str) -> str:
        if re.fullmatch("[A-Za-z0-9_-]+", name) and self.dice.random() < 0.7:
            return name
        return self.string(name, lines=False)

    def line_end(self) -> str:
        return self.one("", " ", self.comment()) + self.one("\n", "\n", "\n\n", "\n\n\n", f"\n{self.comment()}\n")

    def comment(self) -> str:
        return self.one("", "  ", "\t") + self.one("#", "# plain", "#  é ", "# [x] = {", '# "', "# '''")

    def value(self, value: Any) -> str:
        if isinstance(value, dict):
            inner = self.one("", " ")
            comma = self.one(",", ", ", " , ")
            return f"{{{inner}{comma.join(line for line in self.inline(value))}{inner}}}"
        if isinstance(value, list):
            ends = f"{self.gap()},{self.gap()}"
            entries = ends.join(self.value(item) for item in value)
            return f"[{self.gap()}{entries}{self.one('', ' ,') if value else ''}{self.gap()}]"
        return self.string(value) if isinstance(value, str) else self.scalar(value)

    def inline(self, table: dict[str, Any]) -> list[str]:
        lines = []
        for key, value in table.items():
            if isinstance(value, dict) and value and self.dice.random() < 0.3:
                lines += [self.pair([key, below], item) for below, item in value.items()]
            else:
                lines.append(self.pair([key], value))
        return lines

    def gap(self) -> str:
        """What may stand between the entries of an array."""
        return self.one("", "", " ", "\n", "\n    ", "\n\n\n", f"{self.comment()}\n", f"\n{self.comment()}\n")

    def scalar(self, value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            return self.one(str(value), f"{value:_}", *([hex(value), f"+{value}"] if value >= 0 else []))
        return repr(value)

    def string(self, text: str, *, lines: bool = True) -> str:
        spelt = [json.dumps(text).replace("\x7f", "\\u007f") if text.isascii() else self.basic(text)]
        literal = not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text)
        if literal and "'" not in text:
            spelt.append(f"'{text}'")
        if lines and literal and "'''" not in text and not text.endswith("'"):
            spelt.append(f"'''\n{text}'''")
        if lines:
            spelt.append(f'"""\n{self.basic(text)[1:-1]}"""')
            spelt.append(
                f'"""\\\n  \n {self.basic(text)[1:-1]}"""'
                if text[:1].strip(" \t\n")
                else '"x"'.replace("x", self.basic(text)[1:-1])
            )
        return self.one(*spelt)

    def basic(self, text: str) -> str:
        body = "".join(
            f"\\u{ord(char):04x}" if ord(char) < 32 or ord(char) == 127 else f"\\{char}" if char in '"\\' else char
            for char in text
        )
        return f'"{body}"'


@st.composite
def _texts(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    document = draw(DOCUMENTS)
    return Writer(draw(st.randoms(use_true_random=False))).text(document), document


@pytest.fixture(scope="session")
def toml_texts() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """A TOML text, and the document that it spells."""
    return _texts()


@pytest.fixture(scope="session")
def documents() -> st.SearchStrategy[dict[str, Any]]:
    """A document that both spellings hold."""
    return DOCUMENTS
