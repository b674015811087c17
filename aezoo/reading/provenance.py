"""Provenance: the sources of a spec, and trees that keep the source of each value.

    file, variant, --set, mapping  ──Source──>  Node tree  ──merged──>  Node tree  ──plain──>  mapping

A value keeps its origin through every merge, so a fault in the resolved spec points at the text that caused it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from aezoo.errors import KeyPath, Where


class Source:
    """Who says something: a file, a variant, a flag.

    Args:
        name: How messages call it: `specs/a.toml`, `variant 'sparse'`, `--set latent.dim=32`; empty for a mapping.
        data: The bytes of a file, whose positions are lines and columns.
        quoted: Whether its lines may be shown beside a position.
    """

    def __init__(self, name: str = "", data: bytes = b"", *, quoted: bool = True) -> None:
        self.name = name
        self.data = data
        self.quoted = quoted

    @cached_property
    def text(self) -> str:
        return self.data.decode("utf-8", errors="replace")

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def places(self) -> Mapping[KeyPath, Any]:
        # Scanned when there is something to say, never for a spec that is right.
        from aezoo.reading.text import places

        return places(self.text, self.name) if self.data else {}

    def where(self, path: KeyPath, *, key: bool = False) -> Where:
        """Where the value at `path` stands, or its key; the nearest table around it, if it is not written here."""
        while path and path not in self.places:
            path, key = path[:-1], True
        if not path:
            return Where(self.name)
        position = self.places[path]
        span = position.key if key and position.key else position.value
        shown = self.quoted and span.line <= len(self.lines)
        text = self.lines[span.line - 1].rstrip("\r") if shown else ""
        return Where(self.name, span.line, span.column, span.length, text)


class Origin(NamedTuple):
    """The source of a value, and its key path there."""

    source: Source
    path: KeyPath = ()


#: The source of defaults, which stand in no text.
DEFAULT = Origin(Source("default"))


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value of a spec and its source.

    Args:
        value: A scalar, a `dict[str, Node]` or a `list[Node]`.
        origin: Where it comes from.
    """

    value: Any
    origin: Origin


def node_of(value: Any, source: Source, path: KeyPath = ()) -> Node:
    """A parsed value as a tree of nodes, all from this source."""
    if isinstance(value, Mapping):
        value = {key: node_of(item, source, (*path, key)) for key, item in value.items()}
    elif isinstance(value, (list, tuple)):
        value = [node_of(item, source, (*path, i)) for i, item in enumerate(value)]
    return Node(value, Origin(source, path))


def plain(node: Node) -> Any:
    """The value alone, as it was parsed."""
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def follow(node: Node, path: KeyPath) -> tuple[Node, KeyPath]:
    """The node at `path`, or the last one on the way to it; and what of the path is left."""
    for depth, step in enumerate(path):
        if isinstance(node.value, list) and isinstance(step, str):
            continue  # a list that is short for a table: `input = [1, 28, 28]`
        inside = isinstance(node.value, dict) and step in node.value
        inside = inside or (isinstance(node.value, list) and isinstance(step, int) and step < len(node.value))
        if not inside:
            return node, path[depth:]
        node = node.value[step]
    return node, ()


def where(tree: Node, path: KeyPath, *, key: bool = False) -> Where | None:
    """Where the text stands that a path of the resolved spec comes from; None for a mapping, which has none."""
    node, left = follow(tree, path)
    source = node.origin.source
    return source.where(node.origin.path, key=key or bool(left)) if source.name else None
