"""Assignments: the `--set` values of one call, parsed, in an order in which none undoes another.

A component's settings go when its `type` changes. So a type is assigned before the settings beside it, whatever
the order in which they were typed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from aezoo.reading.merge import ENDS, POSITION, SLOTS, steps_of, type_of
from aezoo.reading.provenance import Node, Origin, Source
from aezoo.reading.text import parse_value


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


def parse_assignment(text: str, source: Source) -> Assignment | None:
    """The assignment that `path=value` writes; None if a text is none."""
    path, equals, value = text.partition("=")
    steps = steps_of(path)
    return Assignment(tuple(steps), _node(parse_value(value.strip()), source)) if equals and all(steps) else None


def _node(value: Any, source: Source) -> Node:
    """A value all of whose parts come from one short text, such as a flag."""
    if isinstance(value, dict):
        value = {key: _node(item, source) for key, item in value.items()}
    elif isinstance(value, list):
        value = [_node(item, source) for item in value]
    return Node(value, Origin(source))


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
