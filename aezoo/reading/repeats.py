"""Repeats: the macro `each`, written out into the entries of a list that it stands for."""

from __future__ import annotations

from collections.abc import Callable

from aezoo.reading.provenance import Node
from aezoo.spec.limits import Limits


class Repeats:
    """Writes out every `each` of a spec, up to the limits of the whole spec.

    Args:
        note: Takes the faults: `note(code, node, message, hint)`.
        limits: How many repeats and layers there may be.
    """

    def __init__(self, note: Callable[..., None], limits: Limits) -> None:
        self.note = note
        self.limits = limits
        self._made = 0
        self._too_many = False

    def unroll(self, node: Node) -> Node:
        """Write every `each` out: `{type = "conv", each = {channels = [32, 64]}}` is two layers."""
        if isinstance(node.value, dict):
            return Node({key: self.unroll(item) for key, item in node.value.items()}, node.origin)
        if not isinstance(node.value, list):
            return node
        entries: list[Node] = []
        for item in node.value:
            entries += self._repeat(item) if isinstance(item.value, dict) and "each" in item.value else [item]
        return Node([self.unroll(entry) for entry in entries], node.origin)

    def _repeat(self, item: Node) -> list[Node]:
        each = item.value["each"]
        rows = each.value if isinstance(each.value, dict) else {}
        rest = {key: value for key, value in item.value.items() if key != "each"}
        if not rows or not all(isinstance(row.value, list) and row.value for row in rows.values()):
            self.note("AZ204", each, "takes lists: each = {channels = [32, 64]}")
            return []
        lengths = {key: len(row.value) for key, row in rows.items()}
        count = max(lengths.values())
        if len(set(lengths.values())) > 1:
            message = ", ".join(f"{key} has {length}" for key, length in lengths.items())
            self.note("AZ204", each, f"takes lists of one length: {message}")
            return []
        # Counted over the whole spec: a body that repeats inside a layer that repeats multiplies.
        self._made += count
        if count > self.limits.repeats or self._made > self.limits.modules:
            if not self._too_many:
                limit = min(self.limits.repeats, self.limits.modules)
                self.note(
                    "AZ605",
                    each,
                    f"repeats {count:,} times; the limit is {limit:,}",
                    "`--limit repeats=N` raises it, for a spec of your own",
                )
            self._too_many = True
            return []
        return [Node({**rest, **{key: row.value[i] for key, row in rows.items()}}, item.origin) for i in range(count)]
