"""GitHub's Markdown: what a heading is called in a link, what has to be escaped, how a table is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def anchor(heading: str) -> str:
    """The name that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(text: str, heading: str) -> str:
    """A link to a heading of the same page."""
    return f"[{text}](#{anchor(heading)})"


def escaped(text: str) -> str:
    """Text, character for character; what stands between backticks is code already, and papers become links."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if i % 2 else _papers(_literal(piece)) for i, piece in enumerate(pieces))


def _literal(text: str) -> str:
    # An underscore inside a word is no emphasis.
    return re.sub(r"[\\*<$~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)


def _papers(text: str) -> str:
    return re.sub(r"arXiv:((?:[a-z-]+/\d{7})|(?:\d{4}\.\d{4,5}))", r"[\g<0>](https://arxiv.org/abs/\1)", text)


def grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar inside a cell is escaped, in code too, as GitHub wants it."""
    lines = [_row(header), "|" + "---|" * len(header), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def joined(blocks: Iterable[str]) -> str:
    """Blocks with an empty line between them; empty ones leave no trace."""
    return "\n\n".join(block.strip("\n") for block in blocks if block.strip()) + "\n"
