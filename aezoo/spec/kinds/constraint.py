"""Constraints: projections of weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from aezoo.spec.component import AnySpec, Component, Remark
from aezoo.spec.kinds.layer import Affine

if TYPE_CHECKING:
    from torch import nn


class ConstraintSpec(Component):
    """A projection of weights, applied in place after each step."""

    kind: ClassVar[str] = "constraint"
    #: Whether what it holds cannot grow without end.
    bounding: ClassVar[bool] = False
    on: str = Field("decoder", description="a layer, `decoder.0`, or a whole stack, `decoder`")

    @property
    def first(self) -> bool:
        """Whether it names a whole stack, of which only the first map is projected."""
        return "." not in self.on

    def maps(self, spec: AnySpec) -> list[Sequence[Affine] | None]:
        """The maps of each part that `on` names; None for one that does not declare its maps."""
        stack, _, index = self.on.partition(".")
        if self.on == "latent":
            return [spec.latent.maps(spec.feature_shape)]
        if stack not in ("encoder", "decoder"):
            return []
        layers = spec.encoder_layers() if stack == "encoder" else spec.decoder_layers()
        shapes = spec.encoder_shapes if stack == "encoder" else spec.decoder_shapes
        declared = [layer.maps(shape) for layer, shape in zip(layers, shapes, strict=False)]
        return [maps for i, maps in enumerate(declared) if not index or index == str(i)]

    def remarks(self, spec: AnySpec) -> Iterator[Remark]:
        named = [one for maps in self.maps(spec) for one in maps or ()]
        if any(one.weight_norm for one in (named[:1] if self.first else named)):
            why = "that is made anew from g and v at each pass, so that a projection would be lost"
            yield Remark(f"{self.on!r} has a weight {why}", "leave weight_norm out there", at="on")

    def build(self) -> Callable[[nn.Module], None]:
        """A function that projects the weights of one module in place.

        If it has a method `tangent(module)`, that is called after each gradient, before clipping, to take out of it
        what the projection would undo.
        """
        raise NotImplementedError
