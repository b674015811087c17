"""Author: draws parts from their declarations, and stacks of layers that fit each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from aezoo.errors import ShapeError
from aezoo.spec.component import Component
from aezoo.spec.kinds import LayerSpec
from aezoo.spec.shape import Shape, flat
from aezoo.spec.slots import slots_in
from aezoo.testing.generate.pool import Workshop
from aezoo.testing.generate.values import NOWHERE, Draw, Drawn, Hints, Table, draw_value

Kind = TypeVar("Kind", bound=Component)

#: How often a draw that the declarations refuse is tried again; and how often with the same part.
TRIES, PATIENCE = 8, 4
#: Layers of a stack.
LONGEST = 4
#: Values of a sample between two layers.
LARGEST = 16_384


class Author:
    """Draws the parts of one document.

    Args:
        draw: Hypothesis's, of the document that is being drawn.
        workshop: What there is to draw from.
    """

    def __init__(self, draw: Draw, workshop: Workshop) -> None:
        self.draw = draw
        self.workshop = workshop
        self._depth = 0

    def part(
        self,
        base: type[Kind],
        hints: Hints = NOWHERE,
        *,
        accept: Callable[[Kind], bool] = lambda _: True,
        of: Sequence[type[Component]] = (),
    ) -> Drawn | None:
        """A part of the kind that is accepted, or None if none was found.

        Args:
            base: The kind's base.
            hints: Values that its fields may well have.
            accept: Whether a part will do; a `ShapeError` is a no.
            of: Those to choose from; all, if empty.
        """
        choice = of or self.workshop.parts(base.kind, depth=self._depth)
        for attempt in range(TRIES if choice else 0):
            if attempt % PATIENCE == 0:
                chosen = self.draw(st.sampled_from(choice))
            drawn = self.table(chosen, hints, {"type": chosen.tag()})
            if drawn is not None and _accepted(accept, drawn.part):
                return self._shortened(base, drawn)
        return None

    def table(self, model: type[BaseModel], hints: Hints, given: Mapping[str, Any]) -> Drawn | None:
        """A table of this model, its optional fields now and then; None if it is no valid one.

        Args:
            model: A part's class, or a table's.
            hints: Values that its fields may well have.
            given: Fields that are not drawn.
        """
        written: Table = dict(given)
        for key, field in self._wanted(model, given):
            written[key] = draw_value(self, field.annotation, field.metadata, hints)
        try:
            part = model.model_validate(written, context={"registry": self.workshop.registry})
        except ValidationError:
            return None
        return Drawn(written, part)

    def stack(self, hints: Hints, *, least: int = 0, must: type[Component] | None = None) -> list[Drawn]:
        """Layers one after the other, each of which takes what the one before it gives.

        Args:
            hints: Of the first layer's input.
            least: How many there are at least, where so many fit.
            must: A layer that one of them is, where it fits.
        """
        layers: list[Drawn] = []
        count = self.draw(st.integers(max(least, int(must is not None)), LONGEST - self._depth))
        place = self.draw(st.integers(0, count - 1)) if must is not None else -1
        for index in range(count):
            layer = self.layer(hints, of=[must] if must is not None and index == place else ())
            if layer is not None:
                layers.append(layer)
                hints = hints._replace(shape=layer.part.output_shape(hints.shape))
        return layers

    def layer(
        self,
        hints: Hints,
        *,
        accept: Callable[[Shape], bool] = lambda _: True,
        of: Sequence[type[Component]] = (),
    ) -> Drawn | None:
        """A layer that takes `hints.shape`, and whose output is accepted."""

        def fits(layer: LayerSpec) -> bool:
            output = layer.output_shape(hints.shape)
            return flat(output) <= LARGEST and accept(output)

        self._depth += 1
        try:
            return self.part(LayerSpec, hints, accept=fits, of=of)
        finally:
            self._depth -= 1

    def _wanted(self, model: type[BaseModel], given: Mapping[str, Any]) -> Iterator[tuple[str, FieldInfo]]:
        """The fields that are written, by their keys: those that must be, and of the others what one number says."""
        optional: list[tuple[str, FieldInfo, int]] = []
        for key, field, kinds in _fields(model):
            if key in given:
                continue
            if field.is_required() or self.workshop.forces(*kinds) or self._homeless(field, kinds):
                yield key, field
            else:
                # Slots are where parts meet: every other one is filled, and one in four of the other fields.
                optional.append((key, field, 2 if kinds else 3))
        dice = self.draw(st.integers(0, 4 ** len(optional) - 1))
        for key, field, least in optional:
            dice, thrown = divmod(dice, 4)
            if thrown >= least:
                yield key, field

    def _homeless(self, field: FieldInfo, kinds: Collection[str]) -> bool:
        """Whether a slot's default is a part that is not there."""
        return isinstance(field.default, str) and any(self.workshop.missing(kind, field.default) for kind in kinds)

    def _shortened(self, base: type[Component], drawn: Drawn) -> Drawn:
        """`{type = "relu"}` as `"relu"`, where the kind has that shorthand."""
        tag = drawn.part.tag()
        if drawn.written != {"type": tag} or base.expand(tag) != drawn.written:
            return drawn
        return drawn._replace(written=tag) if self.draw(st.booleans()) else drawn


@cache
def _fields(model: type[BaseModel]) -> list[tuple[str, FieldInfo, frozenset[str]]]:
    """Keys and fields of a table, and the kinds of part that may stand in each."""
    return [(field.alias or name, field, slots_in(field.annotation)) for name, field in model.model_fields.items()]


def _accepted(accept: Callable[[Any], bool], part: Component) -> bool:
    try:
        return accept(part)
    except ShapeError:
        return False
