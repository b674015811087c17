"""Explanation: for each value of a resolved spec, the file, variant or flag that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from aezoo.errors import KeyPath, Where, render_path
from aezoo.reading.merge import LISTS
from aezoo.reading.provenance import Node, follow
from aezoo.spec.document import Spec
from aezoo.spec.slots import NAMED


class Explained(NamedTuple):
    """One value of a spec and the source that set it; a value that no source sets is a default."""

    path: KeyPath
    value: Any
    where: Where | None

    @property
    def place(self) -> str:
        """The path as people write it."""
        return render_path(self.path)

    @property
    def who(self) -> str:
        """`specs/a.toml:14`, `variant 'sparse'`, `--set latent.dim=32` or `default`."""
        if self.where is None:
            return "default"
        return f"{self.where.file}:{self.where.line}" if self.where.line else self.where.file


def explain(spec: Spec, tree: Node) -> list[Explained]:
    """Every value of the resolved spec, in its order, from the tree that it was read from."""
    return [Explained(path, value, _where(tree, path)) for path, value in _leaves(spec.document())]


def _leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for i, item in enumerate(value):
            yield from _leaves(item, (*path, i))
    else:
        yield path, value


def _where(tree: Node, path: KeyPath) -> Where | None:
    if _beside_a_list(tree, path):
        return None
    node, left = follow(tree, path)
    # A bare name says the type of the table it is short for, and a penalty's own name says the penalty's.
    if left and not (left == ("type",) and (isinstance(node.value, str) or _is_named(path))):
        return None
    source, at = node.origin
    return Where("mapping") if not source.name else None if source.name == "default" else source.where(at)


def _is_named(path: KeyPath) -> bool:
    return len(path) == 3 and path[0] in NAMED


def _beside_a_list(tree: Node, path: KeyPath) -> bool:
    """Whether the slot is written in short, as a list, which says nothing about the other keys of its table."""
    short = LISTS.get(str(path[0]))
    node = tree.value.get(path[0])
    return short is not None and node is not None and isinstance(node.value, list) and path[1:2] != (short,)
