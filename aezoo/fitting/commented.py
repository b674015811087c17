"""Commented specs: a document as TOML, each statement under the reason for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from aezoo.names import inert

#: Characters of a line, and of a comment before it is cut.
LINE, COMMENT = 110, 600
#: Slots that are written as tables of their own, at the end.
TABLES = ("data", "training")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def commented(document: Mapping[str, Any], comments: Mapping[str, str], head: Sequence[str] = ()) -> str:
    """A document as TOML.

    Args:
        document: Of a spec.
        comments: By the path of a statement, such as `latent` or `data.exclude`: why it says what it says.
        head: Lines above all else.
    """
    lines = [*(f"# {line}".rstrip() for line in head)]
    for key, value in document.items():
        if key not in TABLES:
            lines += [*_comment(comments.get(key, "")), *_statement(key, value)]
    for name in TABLES:
        if name in document:
            lines += ["", *_comment(comments.get(name, "")), f"[{name}]"]
            for key, value in document[name].items():
                lines += [*_comment(comments.get(f"{name}.{key}", "")), f"{_key(key)} = {inline(value)}"]
    return "\n".join(lines) + "\n"


def inline(value: object) -> str:
    """A value as TOML in one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {inline(item)}' for key, item in value.items())} }}" if value else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(inline, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else inline(key)


def _statement(key: str, value: object) -> Iterator[str]:
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
        yield f"{_key(key)} = ["
        for item in value:
            yield f"    {inline(item)},"
        yield "]"
    else:
        yield f"{_key(key)} = {inline(value)}"


def _comment(text: str) -> list[str]:
    """Lines of a comment; what comes from data moves no cursor and ends no line."""
    return [f"# {line}" for line in wrap(inert(text, COMMENT), LINE - 2, break_on_hyphens=False)]
