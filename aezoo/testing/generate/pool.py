"""The pool of parts that specs are drawn from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from aezoo.reading.checks import examine
from aezoo.registry.registry import Registry
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import LayerSpec, RegularizerSpec
from aezoo.spec.slots import slots_in

#: The deepest nesting of layers.
DEEPEST = 2


class PartPool:
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

    def parts(self, kind: str, *, depth: int = 0, nested: bool = False) -> list[type[Any]]:
        """The parts of a kind; below the deepest nesting, only those that contain none of their own kind.

        Args:
            kind: That all of them have.
            depth: Layers around.
            nested: Whether a part of this kind, no layer, is around: then there is no further one inside.
        """
        if self.containing is not None and self.containing.kind == kind != LayerSpec.kind and not nested:
            return [self.containing]
        candidates = self._parts.get(kind, [])
        if depth < DEEPEST and not nested:
            return candidates
        return [part for part in candidates if kind not in kinds_in(part)]

    def rates(self) -> list[type[Any]]:
        """The regularizers that are the rate itself, by which a prior learns."""
        return [part for part in self.parts(RegularizerSpec.kind) if part.is_rate()]

    def requires_kind(self, *kinds: str) -> bool:
        """Whether the part that has to occur is of one of these kinds."""
        return self.containing is not None and self.containing.kind in kinds

    def missing(self, kind: str, name: str) -> bool:
        """Whether no such part is registered: a slot with this default then cannot be left out."""
        return name not in self.registry.names(kind)


def is_valid(spec: Spec) -> bool:
    """Whether the parts of a spec fit each other."""
    return not any(fault.level == "error" for fault in examine(spec))


def kinds_in(model: type[BaseModel]) -> set[str]:
    """The kinds of part in the slots of a model."""
    return {kind for field in model.model_fields.values() for kind in slots_in(field.annotation)}


def parts_inside(value: Any) -> Iterator[Component]:
    """Every part inside a value, at any depth."""
    if isinstance(value, Component):
        yield value
    if isinstance(value, BaseModel):
        value = [getattr(value, name) for name in type(value).model_fields]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from parts_inside(item)
