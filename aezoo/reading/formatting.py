"""Layout: a spec's text in the house style, every comment kept and nothing moved.

One space around `=`, two before a comment; `{ a = 1 }`, `[1, 2]`; one empty line before a header and never two; a list
that does not fit its line is spread, one entry a line with a comma after each, and so is one that holds a comment or
was spread so by its author.
"""

from __future__ import annotations

import json

from aezoo.reading.text import parse
from aezoo.reading.toml_syntax import Array, Blank, Comment, Header, Key, Leaf, Line, Pair, Table, Value, lines

WIDTH = 100
INDENT = 4


def layout(text: str, name: str) -> str:
    """The text in the house style, with the line ends of its first line; `.json` names are JSON, all others TOML.

    Raises:
        SpecError: It cannot be read.
    """
    document = parse(text.encode("utf-8", errors="surrogatepass"), name)
    windows = "\r\n" in text.partition("\n")[0] + "\n"
    if name.endswith(".json"):
        laid = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    else:
        laid = _Writer(text.replace("\r\n", "\n")).all()
    return laid.replace("\n", "\r\n") if windows else laid


class _Rows:
    """Lines of text that come to stand under each other."""

    def __init__(self, first: str | None = None) -> None:
        self.rows = [] if first is None else [first]
        self.edge = len(self.rows)
        self.blank = False
        #: Whether the last row may still take a comment at its end.
        self.open = first is not None
        #: Where the comments begin that stand right above the next row.
        self.above: int | None = None

    def gap(self) -> None:
        """An empty line before the next row, but not before the first."""
        self.blank = len(self.rows) > self.edge

    def add(self, row: str, *, comment: bool = False) -> None:
        if self.blank:
            self.rows.append("")
            self.blank, self.above = False, None
        if not comment:
            self.above = None
        elif self.above is None:
            self.above = len(self.rows)
        self.rows.append(row)
        self.open = not comment

    def comment(self, text: str, pad: str, *, trailing: bool) -> None:
        if trailing and self.open:
            self.rows[-1] += f"  {text}"
            self.open = False
        else:
            self.add(f"{pad}{text}", comment=True)

    def part(self) -> None:
        """One empty line before the next row and the comments that sit on it."""
        at = len(self.rows) if self.above is None or self.blank else self.above
        if at and not self.blank and self.rows[at - 1]:
            self.rows.insert(at, "")


class _Writer:
    def __init__(self, text: str) -> None:
        self.text = text
        #: What is asked for on every level around a value, by where that begins: worked out once.
        self._flat: dict[int, str] = {}
        self._spread: dict[int, bool] = {}

    def all(self) -> str:
        rows = _Rows()
        for line in lines(self.text):
            if isinstance(line, Header):
                rows.part()
            self.line(rows, line)
        return "".join(f"{row}\n" for row in rows.rows)

    def line(self, rows: _Rows, line: Line | Value, indent: int = 0, comma: str = "") -> None:
        pad = " " * indent
        if isinstance(line, Blank):
            rows.gap()
        elif isinstance(line, Comment):
            rows.comment(self.text[line.start : line.end].rstrip(" \t"), pad, trailing=line.trailing)
        elif isinstance(line, Header):
            rows.add(f"[[{self.key(line.key)}]]" if line.entry else f"[{self.key(line.key)}]")
        else:
            rows.add(f"{pad}{self.entry(line, indent, comma)}{comma}")

    def entry(self, line: Pair | Value, indent: int, comma: str) -> str:
        """What stands in a line of its own, on one line if that fits."""
        flat = self.flat(line)
        long = "\n" in flat or indent + len(flat) + len(comma) > WIDTH
        if isinstance(line, Pair):
            return f"{self.key(line.key)} = {self.value(line.value, indent, long=long)}"
        return self.value(line, indent, long=long)

    def value(self, value: Value, indent: int, *, long: bool, inner: bool = False) -> str:
        """A value in a line that begins at `indent` and is too `long` or not; `inner` if it is part of another one."""
        if isinstance(value, Leaf):
            return self.flat(value)
        if isinstance(value, Array):
            if self.spread(value) or (long and self.breaks(value, indent, inner=inner)):
                return self.block(value, indent)
            return f"[{', '.join(self.value(item, indent, long=long, inner=True) for item in value.entries)}]"
        if _commented(value):
            return self.block(value, indent)
        pairs = (
            f"{self.key(pair.key)} = {self.value(pair.value, indent, long=long, inner=True)}" for pair in value.entries
        )
        return f"{{ {', '.join(pairs)} }}" if value.entries else "{}"

    def breaks(self, array: Array, indent: int, *, inner: bool) -> bool:
        """Whether a list is spread because its line is too long; a short one in a table would gain nothing by it."""
        if not inner or not array.entries:
            return bool(array.entries)
        flat = self.flat(array)
        nested = any(not isinstance(entry, Leaf) for entry in array.entries)
        return nested or "\n" in flat or indent + len(flat) > WIDTH

    def block(self, value: Array | Table, indent: int) -> str:
        """One entry a line."""
        rows = _Rows("[" if isinstance(value, Array) else "{")
        for item in value.items:
            self.line(rows, item, indent + INDENT, ",")
        rows.rows.append(" " * indent + ("]" if isinstance(value, Array) else "}"))
        return "\n".join(rows.rows)

    def flat(self, value: Pair | Value) -> str:
        """A value without its comments and line breaks."""
        if isinstance(value, Leaf):
            return self.text[value.start : value.end]
        if isinstance(value, Pair):
            return f"{self.key(value.key)} = {self.flat(value.value)}"
        if value.start not in self._flat:
            self._flat[value.start] = self.joined(value)
        return self._flat[value.start]

    def joined(self, value: Array | Table) -> str:
        items = ", ".join(self.flat(item) for item in value.entries)
        if isinstance(value, Array):
            return f"[{items}]"
        return f"{{ {items} }}" if items else "{}"

    def spread(self, value: Pair | Value) -> bool:
        """Whether a list is to be spread whatever its length, or has one inside that is."""
        if isinstance(value, Leaf):
            return False
        if isinstance(value, Pair):
            return self.spread(value.value)
        if value.start not in self._spread:
            own = _commented(value) or (isinstance(value, Array) and value.spread)
            self._spread[value.start] = own or any(self.spread(entry) for entry in value.entries)
        return self._spread[value.start]

    def key(self, key: Key) -> str:
        return ".".join(self.text[name.start : name.end] for name in key)


def _commented(value: Array | Table) -> bool:
    return any(isinstance(item, Comment) for item in value.items)
