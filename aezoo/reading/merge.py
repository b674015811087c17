"""Merge: one tree of a spec laid over another.

Tables merge, lists are replaced whole, and a component's table is replaced whole when its `type` changes.
A table over a list edits the list: its keys are positions from 0, `append` and `prepend`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aezoo.errors import Fault
from aezoo.hints import did_you_mean
from aezoo.reading.provenance import Node
from aezoo.spec.slots import NAMED

#: Keys that say how a spec is put together; they are gone when it is.
MACROS = frozenset({"extends", "variants", "unset", "$schema"})
#: Slots whose value is one component: there, a bare string is short for `{type = "..."}`.
SLOTS = frozenset({"latent", "likelihood", "objective", "data", "prior", "optimizer", "decoder"})
#: Slots where a list is short for a table that holds it.
LISTS = {"input": "shape", "decoder": "layers"}
#: Keys that describe a model; they hold only for the data that they were written for.
STATEMENTS = ("description", "license", "paper")
#: Keys of a table that edits a list, beside positions.
ENDS = ("prepend", "append")

POSITION = re.compile(r"\d{1,9}")


class Merger:
    """Lays trees over trees; what cannot be done is noted in `faults`, and the rest is done."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults

    def merge(self, below: Node, above: Node, *, slot: str = "", implied: str = "") -> Node:
        """`above` over `below`, both under the key `slot`; a table without a type is of the `implied` one."""
        below, above = written_out(below, slot), written_out(above, slot)
        low, high = below.value, above.value
        if isinstance(low, list) and isinstance(high, dict):
            return self.edit(below, above)
        if not (isinstance(low, dict) and isinstance(high, dict)):
            return above
        was, new = type_of(low) or implied, type_of(high)
        if was and new and was != new:
            return above
        merged = dict(low)
        for key, value in high.items():
            of = key if slot in NAMED else ""
            merged[key] = self.merge(merged[key], value, slot=key, implied=of) if key in merged else value
        return Node(merged, above.origin)

    def edit(self, below: Node, above: Node) -> Node:
        """A list with some entries changed, and others put before and after it."""
        entries, ends = list(below.value), dict[str, list[Node]]()
        for key, value in above.value.items():
            if key in ENDS:
                ends[key] = value.value if isinstance(value.value, list) else [value]
                continue
            if POSITION.fullmatch(key) and int(key) < len(entries):
                entries[int(key)] = self._changed(entries[int(key)], value)
            else:
                there = f"positions 0 to {len(entries) - 1}" if entries else "no entries"
                self.note("AZ207", value, f"no entry {key!r}", f"there are {there}")
        return Node([*ends.get("prepend", ()), *entries, *ends.get("append", ())], below.origin)

    def _changed(self, entry: Node, change: Node) -> Node:
        """An entry with its change over it; beside a table, a bare name is a part."""
        if isinstance(entry.value, dict) or isinstance(change.value, dict):
            entry, change = part(entry), part(change)
        return self.merge(entry, change)

    def unset(self, tree: Node, path: Node) -> Node:
        """The tree without the key that `path` leads to."""
        node, hint = _without(tree, steps_of(str(path.value)))
        if node is None:
            self.note("AZ208", path, f"there is no {path.value!r} to unset", hint)
        return node or tree

    def note(self, code: str, node: Node, message: str, hint: str = "") -> None:
        """Note a fault at the position of the node in its source."""
        source, path = node.origin
        # An edit names its entry by a key; all else that can be wrong here is a value.
        at = source.where(path, key=code == "AZ207") if source.name else None
        self.faults.append(Fault(path, code, message, hint, where=at))


def written_out(node: Node, slot: str) -> Node:
    """What a slot holds in short, as the table it is short for."""
    if slot in SLOTS and isinstance(node.value, str):
        return part(node)
    inner = LISTS.get(slot)
    if inner is None:
        return node
    if isinstance(node.value, list):
        kind = {"type": Node("layers", node.origin)} if slot == "decoder" else {}
        return Node({**kind, inner: node}, node.origin)
    if _positions(node):
        return Node({inner: node}, node.origin)
    return node


def part(node: Node) -> Node:
    """A bare name as the table it is short for."""
    return Node({"type": node}, node.origin) if isinstance(node.value, str) else node


def type_of(table: dict[str, Node]) -> str:
    """The type that a table says; empty if it says none."""
    kind = table.get("type")
    return kind.value if kind is not None and isinstance(kind.value, str) else ""


def steps_of(path: str) -> list[str]:
    """A path as people write it: `encoder[1].channels` is `encoder.1.channels`."""
    return re.sub(r"\[(\d+)\]", r".\1", path.strip()).split(".")


def _positions(node: Node) -> bool:
    """Whether a table does nothing but edit a list."""
    keys = node.value if isinstance(node.value, dict) else {}
    return bool(keys) and all(POSITION.fullmatch(key) or key in ENDS for key in keys)


def _without(node: Node, steps: Sequence[str]) -> tuple[Node | None, str]:
    """The node without the key that the steps lead to, or None and a hint."""
    step, rest = steps[0], steps[1:]
    if isinstance(node.value, list):
        return None, "say the list anew: unset takes out keys, not entries"
    if not isinstance(node.value, dict) or step not in node.value:
        keys = node.value if isinstance(node.value, dict) else {}
        return None, did_you_mean(step, keys, f"there are: {', '.join(keys) or 'no keys'}")
    left = {key: item for key, item in node.value.items() if key != step}
    if rest:
        inner, hint = _without(node.value[step], rest)
        if inner is None:
            return None, hint
        left = {**node.value, step: inner}
    return Node(left, node.origin), ""
