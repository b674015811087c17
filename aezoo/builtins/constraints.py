"""Constraints: projections of weights, applied in place after each step.

`on = "decoder"` (or any whole stack) means its first map, the one that reads the code: `decoder.2` names one
layer. A column of a map is what one of its inputs is worth: of a decoder's first map, the pattern that one
unit draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal

from aezoo.plugin import Component, ConstraintSpec, Field, Remark, Spec

if TYPE_CHECKING:
    from torch import nn


class _ColumnsSpec(ConstraintSpec):
    """What the norms of columns have in common."""

    @property
    def first(self) -> bool:
        """Whether only the first map of what it is given is meant."""
        return "." not in self.on

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        stack, _, index = self.on.partition(".")
        layers = spec.decoder_layers() if stack == "decoder" else spec.encoder
        named = layers[int(index) : int(index) + 1] if index.isdigit() else layers
        if stack != "latent" and named and all(layer.carries for layer in named):
            yield Remark(f"{self.on!r} has no weights to project", "name a linear or convolutional layer")


class UnitNormSpec(_ColumnsSpec):
    """Columns of norm 1, so that a code cannot shrink while the decoder grows.

    Example:
        [constraints.unit_norm]
        on = "decoder"
    """

    type: Literal["unit_norm"] = "unit_norm"

    def build(self) -> Callable[[nn.Module], None]:
        from aezoo.nn.projection import Projection, scale_to_unit

        return Projection(scale_to_unit, first=self.first)


class MaxNormSpec(_ColumnsSpec):
    """Columns no longer than `norm` (Srebro and Shraibman 2005, "Rank, trace-norm and max-norm").

    Example:
        [constraints.max_norm]
        on = "decoder.0"
        norm = 2.0
    """

    type: Literal["max_norm"] = "max_norm"
    norm: float = Field(1.0, gt=0, description="the longest a column may be")

    def build(self) -> Callable[[nn.Module], None]:
        from aezoo.nn.projection import Projection, scale_below

        return Projection(partial(scale_below, norm=self.norm), first=self.first)


COMPONENTS: list[type[Component]] = [UnitNormSpec, MaxNormSpec]
