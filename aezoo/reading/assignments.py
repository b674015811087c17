"""Assignments: the `--set` values of one call, in an order in which none undoes another.

A component's settings go when its `type` changes. So a type is assigned before the settings beside it, whatever
the order in which they were typed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aezoo.reading.merge import ENDS, POSITION, SLOTS, type_of
from aezoo.reading.provenance import Node, Origin


class Assignment(NamedTuple):
    """One `path=value`.

    Attributes:
        steps: The path.
        value: What is assigned there.
    """

    steps: tuple[str, ...]
    value: Node

    @property
    def tree(self) -> Node:
        """The assignment as a spec of one key."""
        node = self.value
        for step in reversed(self.steps):
            node = Node({step: node}, Origin(node.origin.source))
        return node

    @property
    def moves(self) -> bool:
        """Whether a position of a list may mean another entry afterwards."""
        return self.steps[-1] in ENDS or isinstance(self.value.value, list)

    def typing(self) -> Assignment | None:
        """The part of it that says which type a component is, if it says so."""
        *owner, last = self.steps
        value = self.value.value
        if isinstance(value, dict):
            return Assignment((*self.steps, "type"), value["type"]) if type_of(value) else None
        if not isinstance(value, str):
            return None
        if last == "type" and owner:
            return self
        bare = last in SLOTS or POSITION.fullmatch(last)
        return Assignment((*self.steps, "type"), self.value) if bare else None


def in_order(assignments: Iterable[Assignment]) -> list[Assignment]:
    """The assignments in their order, but each type before the settings of its component."""
    ordered: list[Assignment] = []
    for assignment in assignments:
        typing = assignment.typing()
        if typing is not None and (index := _first_setting(ordered, typing)) < len(ordered):
            ordered.insert(index, typing)
        ordered.append(assignment)
    return ordered


def _first_setting(ordered: list[Assignment], typing: Assignment) -> int:
    """Where the first setting of the component stands that nothing replaced since; the end, if there is none."""
    owner, first = typing.steps[:-1], len(ordered)
    for index in range(len(ordered) - 1, -1, -1):
        earlier = ordered[index]
        replaces = earlier.steps == typing.steps or owner[: len(earlier.steps)] == earlier.steps
        if replaces or earlier.moves:
            break
        if earlier.steps[: len(owner)] == owner:
            first = index
    return first
