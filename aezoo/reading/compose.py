"""Compose: `extends`, `variants`, `unset`, `each` and `--set` -> one tree without macros.

    bases, left to right  <  variants  <  the file itself  <  --set

`unset` takes things out of the bases and variants before the file's own keys go over them. What a file says of its
model (description, licence, paper) holds for the data it was written for: with other data in the end, it is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aezoo.errors import Fault, KeyPath, render_path
from aezoo.reading.assignments import Assignment, in_order, parse_assignment
from aezoo.reading.merge import MACROS, STATEMENTS, Merger, steps_of, written_out
from aezoo.reading.provenance import DEFAULT, Node, Origin, Source, plain
from aezoo.reading.repeats import Repeats
from aezoo.spec.kinds import SHARES
from aezoo.spec.limits import Limits

#: What stands in a slot that has a default, so that its settings may be written without its name.
DEFAULTS: Mapping[KeyPath, str] = {
    ("likelihood",): "mse",
    ("objective",): "standard",
    ("training", "optimizer"): "adam",
}
EMPTY = Node({}, DEFAULT)


class Composer(Merger):
    """Puts a spec together from its sources; notes what cannot be done in `faults`."""

    def __init__(self, faults: list[Fault], limits: Limits) -> None:
        super().__init__(faults)
        self.repeats = Repeats(self.note, limits)
        #: The data of each file put together so far, by the file: what its statements are about.
        self._data: dict[Source, Any] = {}

    def compose(self, own: Node, bases: Sequence[Node], variants: Mapping[str, Node]) -> Node:
        """One spec from its bases, its variants and its own keys."""
        own = self.repeats.unroll(own)
        tree = EMPTY
        for base in bases:
            tree = self.merge(tree, base)
        tree = self.merge(tree, self.agree(variants, settled=own))
        for path in self._unsets(own):
            tree = self.unset(tree, path)
        kept = {key: item for key, item in own.value.items() if key not in MACROS}
        merged = self.merge(tree, Node(kept, own.origin))
        self._data[own.origin.source] = _which(merged)
        return merged

    def finish(self, tree: Node, overrides: Iterable[str] = ()) -> Node:
        """The overrides applied, slots with a default named, and no statement about other data."""
        for assignment in in_order(self._assignments(overrides)):
            tree = self.merge(tree, self.repeats.unroll(assignment.tree))
        return _implied(self._true(tree))

    def _assignments(self, overrides: Iterable[str]) -> Iterator[Assignment]:
        for override in overrides:
            source = Source(f"--set {override}")
            assignment = parse_assignment(override, source)
            if assignment is None:
                self.note("AZ205", Node(None, Origin(source)), f"takes path=value, got {override!r}")
            else:
                yield assignment

    def _true(self, tree: Node) -> Node:
        """The tree without the description of a model of other data."""
        data = _which(tree)

        def holds(key: str, node: Node) -> bool:
            about = self._data.get(node.origin.source)
            return key not in STATEMENTS or about is None or about == data

        return Node({key: item for key, item in tree.value.items() if holds(key, item)}, tree.origin)

    def agree(self, variants: Mapping[str, Node], *, settled: Node) -> Node:
        """All variants in one fragment; two that differ must be settled by the spec itself."""
        union, sources = EMPTY, dict[KeyPath, str]()
        for name, fragment in variants.items():
            fragment = self.repeats.unroll(fragment)
            for path, leaf in _leaves(fragment):
                before = _at(union, path)
                if before is not None and plain(before) != plain(leaf) and _at(settled, path) is None:
                    self._disagree(settled, path, (sources[path], plain(before)), (name, plain(leaf)))
                # Every step of the way has an origin: a word may contradict a whole table.
                sources |= {path[:depth]: name for depth in range(1, len(path) + 1)}
            union = self.merge(union, fragment)
        return union

    def _disagree(self, own: Node, path: KeyPath, first: tuple[str, Any], second: tuple[str, Any]) -> None:
        message = f"variants {first[0]!r} and {second[0]!r} disagree about {render_path(path)}"
        node = own.value.get("variants", own)
        self.note(
            "AZ504", node, f"{message}: {first[1]!r} or {second[1]!r}", f"say in the spec what {render_path(path)} is"
        )

    def _unsets(self, own: Node) -> list[Node]:
        unset = own.value.get("unset", Node([], own.origin))
        paths = unset.value if isinstance(unset.value, list) else [unset]
        right = [path for path in paths if isinstance(path.value, str) and all(steps_of(path.value))]
        if len(right) < len(paths):
            self.note("AZ206", unset, 'takes a list of paths: unset = ["regularizers.kl"]')
        return right


def _which(tree: Node) -> Any:
    """The data of a spec, however many of them are taken; None of a spec without data."""
    node = tree.value.get("data")
    table = None if node is None else plain(written_out(node, "data"))
    return {key: value for key, value in table.items() if key not in SHARES} if isinstance(table, dict) else table


def _implied(tree: Node) -> Node:
    """Settings of a slot that has a default, written without its name, are the default's."""
    for path, name in DEFAULTS.items():
        here = _at(tree, path)
        if here is not None and isinstance(here.value, dict) and "type" not in here.value:
            tree = _replaced(tree, path, Node({"type": Node(name, DEFAULT), **here.value}, here.origin))
    return tree


def _replaced(tree: Node, path: KeyPath, node: Node) -> Node:
    if not path:
        return node
    return Node({**tree.value, path[0]: _replaced(tree.value[path[0]], path[1:], node)}, tree.origin)


def _leaves(node: Node, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Node]]:
    for key, item in node.value.items():
        if isinstance(item.value, dict):
            yield from _leaves(item, (*path, key))
        else:
            yield (*path, key), item


def _at(node: Node, path: KeyPath) -> Node | None:
    for step in path:
        if not isinstance(node.value, dict) or step not in node.value:
            return None
        node = node.value[step]
    return node
