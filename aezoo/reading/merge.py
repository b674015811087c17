"""Merge: one tree of a spec laid over another.

Tables merge, lists are replaced whole, and a component's table is replaced whole when its `type` changes.
A table over a list edits the list: its keys are positions (`0`, `-1`), ids, `append` and `prepend`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from aezoo.errors import Fault, Path
from aezoo.hints import did_you_mean
from aezoo.reading.provenance import DEFAULT, Node

#: Keys that say how a spec is put together; they are gone when it is.
MACROS = frozenset({"extends", "variants", "unset", "$schema"})
#: Slots whose value is one component: there, a bare string is short for `{type = "..."}`.
SLOTS = frozenset({"latent", "likelihood", "objective", "data", "prior", "optimizer", "decoder"})
#: Slots where a list is short for a table that holds it.
LISTS = {"input": "shape", "decoder": "layers"}
#: What is said of a model for as long as it is trained on the data that were meant.
STATEMENTS = ("description", "license", "paper")
#: Settings of data that do not change which data they are: how much of them is taken, and for what.
SHARES = frozenset({"validation", "test", "limit"})
#: Tables of components whose type is the key they stand under, unless they say another.
NAMED = frozenset({"regularizers", "constraints"})
#: Keys of a table that edits a list, beside positions and ids.
ENDS = ("prepend", "append")

POSITION = re.compile(r"-?\d{1,9}")
ID = re.compile(r"[A-Za-z_][\w-]*")

#: Stands for a list entry that `unset` takes out, so that positions stay what they were while a file is merged.
_GONE = Node(None, DEFAULT)


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
            for index, change in self._chosen(entries, key, value):
                entries[index] = self._changed(entries[index], change)
        return Node([*ends.get("prepend", ()), *entries, *ends.get("append", ())], below.origin)

    def _changed(self, entry: Node, change: Node) -> Node:
        """An entry with its change over it; beside a table, a bare name is a part."""
        if isinstance(entry.value, dict) or isinstance(change.value, dict):
            entry, change = part(entry), part(change)
        return self.merge(entry, change)

    def _chosen(self, entries: Sequence[Node], key: str, value: Node) -> Iterator[tuple[int, Node]]:
        """What a key changes: one entry by its position, or all that carry the id, and some of these by theirs."""
        found = select(entries, key)
        if not found or any(entries[index] is _GONE for index in found):
            self.note("AZ207", value, *_no_entry(entries, key))
        elif isinstance(value.value, dict) and not POSITION.fullmatch(key):
            group = [entries[index] for index in found]
            some, all_of = _by_position(value)
            yield from ((index, all_of) for index in found if all_of.value or not some)
            for inner, change in some.items():
                for index, picked in self._chosen(group, inner, change):
                    yield found[index], picked
        else:
            yield from ((index, value) for index in found)

    def unset(self, tree: Node, path: Node) -> Node:
        """The tree without what `path` leads to. Entries of lists stay as holes until `swept`."""
        steps = steps_of(str(path.value))
        node, hint = _without(tree, steps)
        if node is None:
            self.note("AZ208", path, f"there is no {path.value!r} to unset", hint)
        return node or tree

    def note(self, code: str, node: Node, message: str, hint: str = "") -> None:
        """Note a fault at the place where the node was said."""
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


def select(entries: Sequence[Node], key: str) -> list[int]:
    """Positions of the entries that a key of a list means; none, if there are none."""
    if POSITION.fullmatch(key):
        index = int(key)
        return [index % len(entries)] if -len(entries) <= index < len(entries) else []
    return [index for index, entry in enumerate(entries) if _id(entry) == key]


def steps_of(path: str) -> list[str]:
    """A path as people write it: `encoder[1].channels` is `encoder.1.channels`."""
    return re.sub(r"\[(-?\d+)\]", r".\1", path.strip()).split(".")


def swept(node: Node) -> Node:
    """The tree without the holes that `unset` left."""
    if isinstance(node.value, dict):
        return Node({key: swept(item) for key, item in node.value.items()}, node.origin)
    if isinstance(node.value, list):
        return Node([swept(item) for item in node.value if item is not _GONE], node.origin)
    return node


def _id(entry: Node) -> str:
    named = entry.value.get("id") if isinstance(entry.value, dict) else None
    return named.value if named is not None and isinstance(named.value, str) else ""


def _by_position(node: Node) -> tuple[dict[str, Node], Node]:
    """What a table under an id says of some of the entries that carry it, and what it says of all."""
    some = {key: item for key, item in node.value.items() if POSITION.fullmatch(key)}
    return some, Node({key: item for key, item in node.value.items() if key not in some}, node.origin)


def _positions(node: Node) -> bool:
    """Whether a table does nothing but edit a list."""
    keys = node.value if isinstance(node.value, dict) else {}
    return bool(keys) and all(POSITION.fullmatch(key) or key in ENDS for key in keys)


def _no_entry(entries: Sequence[Node], key: str) -> tuple[str, str]:
    """Message and hint for a key that means no entry of a list."""
    ids = sorted({name for name in map(_id, entries) if name})
    there = f"positions 0 to {len(entries) - 1}" if entries else "no entries"
    named = f" and the ids {', '.join(ids)}" if ids else ""
    return f"no entry {key!r}", did_you_mean(key, ids, f"there are {there}{named}")


def _without(node: Node, steps: Sequence[str]) -> tuple[Node | None, str]:
    """The node without what the steps lead to, or None and a hint."""
    step, rest = steps[0], steps[1:]
    if isinstance(node.value, list):
        return _without_entries(node, step, rest)
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


def _without_entries(node: Node, step: str, rest: Sequence[str]) -> tuple[Node | None, str]:
    found = select(node.value, step)
    if not found:
        return None, _no_entry(node.value, step)[1]
    if rest and POSITION.fullmatch(rest[0]) and not POSITION.fullmatch(step):
        found, rest = [found[i] for i in select([node.value[i] for i in found], rest[0])], rest[1:]
    entries: list[Path | Node] = list(node.value)
    for index in found:
        inner, hint = _without(node.value[index], rest) if rest else (_GONE, "")
        if inner is None:
            return None, hint
        entries[index] = inner
    return Node(entries, node.origin), ""
