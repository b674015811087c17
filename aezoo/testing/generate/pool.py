"""Workshop: the parts that specs are drawn from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from aezoo.reading.checks import examine
from aezoo.registry.registry import Registry
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import LayerSpec
from aezoo.spec.slots import slots_in

#: Layers in layers in layers are enough.
DEEPEST = 2


class Workshop:
    """The parts that specs are drawn from.

    Args:
        registry: Where they are registered.
        parts: Only these, for the kinds that any of them belongs to; all, if None.
        containing: One that has to occur.
    """

    def __init__(
        self,
        registry: Registry,
        parts: Collection[type[Component]] | None = None,
        containing: type[Component] | None = None,
    ) -> None:
        self.registry = registry
        self.containing = containing
        chosen = set(parts or ())
        restricted = {part.kind for part in chosen}
        self._parts: dict[str, list[type[Component]]] = {}
        for part in registry.parts():
            if part.kind not in restricted or part in chosen:
                self._parts.setdefault(part.kind, []).append(part)

    def parts(self, kind: str, *, depth: int = 0) -> list[type[Any]]:
        """Those of a kind; too deep inside each other, only those that hold none of their own kind."""
        if self.containing is not None and self.containing.kind == kind != LayerSpec.kind:
            return [self.containing]
        there = self._parts.get(kind, [])
        return there if depth < DEEPEST else [part for part in there if kind not in kinds_in(part)]

    def forces(self, *kinds: str) -> bool:
        """Whether the part that has to occur is of one of these kinds."""
        return self.containing is not None and self.containing.kind in kinds

    def missing(self, kind: str, name: str) -> bool:
        """Whether there is no such part: then a slot that means it when it is left out cannot be."""
        return name not in self.registry.names(kind)


def sound(spec: Spec) -> bool:
    """Whether nothing is wrong between the parts of a spec."""
    return not any(fault.level == "error" for fault in examine(spec))


def kinds_in(model: type[BaseModel]) -> set[str]:
    """Kinds of part that the fields of a model hold."""
    return {kind for field in model.model_fields.values() for kind in slots_in(field.annotation)}


def walk(value: Any) -> Iterator[Component]:
    """Every part inside a value, at any depth."""
    if isinstance(value, Component):
        yield value
    if isinstance(value, BaseModel):
        value = [getattr(value, name) for name in type(value).model_fields]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from walk(item)
