"""Parts drawn from their declarations, and stacks of layers whose shapes fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from aezoo.errors import ShapeError
from aezoo.spec.component import Component
from aezoo.spec.kinds import LayerSpec, ReadingLayerSpec
from aezoo.spec.reads import bind
from aezoo.spec.shape import Shape, flat
from aezoo.spec.slots import slots_in
from aezoo.testing.generate.pool import PartPool
from aezoo.testing.generate.values import NO_HINTS, Draw, DrawnPart, Hints, Table, draw_value

Kind = TypeVar("Kind", bound=Component)

#: How often a draw that the declarations refuse is repeated, and how often with the same part.
TRIES, PATIENCE = 8, 4
#: Layers of a stack.
LONGEST = 4
#: Values of a sample between two layers.
LARGEST = 16_384
#: What layers are given whose place in the spec is not known: those of a critic.
ANY_SHAPE = (4,)


class PartGenerator:
    """Draw the parts of one document.

    Args:
        draw: Hypothesis's function, for the document that is being drawn.
        pool: The parts to draw from.
    """

    def __init__(self, draw: Draw, pool: PartPool) -> None:
        self.draw = draw
        self.pool = pool
        self._depth = 0
        self._around: list[str] = []

    def part(
        self,
        base: type[Kind],
        hints: Hints = NO_HINTS,
        *,
        accept: Callable[[Kind], bool] = lambda _: True,
        of: Sequence[type[Component]] = (),
    ) -> DrawnPart | None:
        """A part of the kind that is accepted, or None if none was found.

        Args:
            base: The kind's base.
            hints: Likely values of its fields.
            accept: Whether a part can be used; a `ShapeError` counts as no.
            of: Those to choose from; all, if empty.
        """
        nested = base.kind != LayerSpec.kind and base.kind in self._around
        choice = of or self.pool.parts(base.kind, depth=self._depth, nested=nested)
        self._around.append(base.kind)
        try:
            for attempt in range(TRIES if choice else 0):
                if attempt % PATIENCE == 0:
                    chosen = self.draw(st.sampled_from(choice))
                drawn = self.table(chosen, hints, {"type": chosen.tag()})
                if drawn is not None and _accepted(accept, drawn.part):
                    return self._shortened(base, drawn)
            return None
        finally:
            self._around.pop()

    def table(self, model: type[BaseModel], hints: Hints, fixed: Mapping[str, Any]) -> DrawnPart | None:
        """A table of this model, with some of its optional fields; None if it is not valid.

        Args:
            model: A part's class, or a table's.
            hints: Likely values of its fields.
            fixed: Fields that are not drawn.
        """
        written: Table = dict(fixed)
        for key, field in self._wanted(model, fixed):
            written[key] = draw_value(self, field.annotation, field.metadata, hints)
        try:
            part = model.model_validate(written, context={"registry": self.pool.registry})
        except ValidationError:
            return None
        return DrawnPart(written, part)

    def stack(self, hints: Hints, *, least: int = 0, must: type[Component] | None = None) -> list[DrawnPart]:
        """A stack of layers, each of which takes the output of the one before.

        Args:
            hints: Of the first layer's input.
            least: The smallest number of layers, where so many fit.
            must: A class that one of the layers has, where it fits.
        """
        layers: list[DrawnPart] = []
        hints = hints._replace(shape=hints.shape or ANY_SHAPE)
        count = self.draw(st.integers(max(least, int(must is not None)), LONGEST - self._depth))
        must_index = self.draw(st.integers(0, count - 1)) if must is not None else -1
        for index in range(count):
            layer = self.layer(hints, of=[must] if must is not None and index == must_index else ())
            if layer is not None:
                layers.append(layer)
                hints = _after(layer.part, hints, f"{hints.stack}.{len(layers) - 1}")
        return layers

    def layer(
        self,
        hints: Hints,
        *,
        accept: Callable[[Shape], bool] = lambda _: True,
        of: Sequence[type[Component]] = (),
    ) -> DrawnPart | None:
        """A layer that takes `hints.shape`, and whose output is accepted."""

        def fits(layer: LayerSpec) -> bool:
            output = _bound(layer, inner).output_shape(hints.shape)
            return flat(output) <= LARGEST and accept(output)

        inner = hints if self._depth == 0 else hints._replace(taps=(), names=())  # a layer inside another reads none
        self._depth += 1
        try:
            return self.part(LayerSpec, inner, accept=fits, of=of)
        finally:
            self._depth -= 1

    def _wanted(self, model: type[BaseModel], fixed: Mapping[str, Any]) -> Iterator[tuple[str, FieldInfo]]:
        """The fields that are written, by key: the required ones, and by one drawn number some of the others."""
        optional: list[tuple[str, FieldInfo, int]] = []
        for key, field, kinds in _fields(model):
            if key in fixed:
                continue
            if field.is_required() or self.pool.requires_kind(*kinds) or self._default_missing(field, kinds):
                yield key, field
            else:
                # Slots are where parts meet: every other one is filled, and one in four of the other fields.
                optional.append((key, field, 2 if kinds else 3))
        digits = self.draw(st.integers(0, 4 ** len(optional) - 1))
        for key, field, least in optional:
            digits, digit = divmod(digits, 4)
            if digit >= least:
                yield key, field

    def _default_missing(self, field: FieldInfo, kinds: Collection[str]) -> bool:
        """Whether a slot's default is a part that is not registered."""
        return isinstance(field.default, str) and any(self.pool.missing(kind, field.default) for kind in kinds)

    def _shortened(self, base: type[Component], drawn: DrawnPart) -> DrawnPart:
        """`{type = "relu"}` as `"relu"`, where the kind has that shorthand."""
        tag = drawn.part.tag()
        if drawn.written != {"type": tag} or base.expand(tag) != drawn.written:
            return drawn
        return drawn._replace(written=tag) if self.draw(st.booleans()) else drawn


@cache
def is_level(part: type[Component] | None) -> bool:
    """Whether it is a stochastic layer, which stands in a decoder alone."""
    return part is not None and issubclass(part, ReadingLayerSpec) and part.stochastic


def _bound(layer: LayerSpec, hints: Hints) -> LayerSpec:
    return bind(layer, hints.stack, 0, dict(hints.taps))


def _after(layer: LayerSpec, hints: Hints, name: str) -> Hints:
    """Hints for what follows the layer of this name."""
    output = _bound(layer, hints).output_shape(hints.shape)
    return hints._replace(shape=output, names=(*hints.names, name), taps=(*hints.taps, (name, output)))


def _fields(model: type[BaseModel]) -> list[tuple[str, FieldInfo, frozenset[str]]]:
    """Keys and fields of a table, and the kinds of part that may stand in each."""
    return [(field.alias or name, field, slots_in(field.annotation)) for name, field in model.model_fields.items()]


def _accepted(accept: Callable[[Any], bool], part: Component) -> bool:
    try:
        return accept(part)
    except ShapeError:
        return False
