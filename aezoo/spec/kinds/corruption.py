"""Corruptions: what spoils the input in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from aezoo.spec.component import Component, Range
from aezoo.spec.shape import Shape

if TYPE_CHECKING:
    from torch import nn


class CorruptionSpec(Component):
    """What spoils the input, in training only; the target stays clean."""

    kind: ClassVar[str] = "corruption"
    #: Fields that say how strong it is: with all of these at 0 it leaves every input as it is.
    strengths: ClassVar[tuple[str, ...]] = ()

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        """A module: `forward(x, generator) -> Tensor` of x's shape; `x` [B, *shape] is not modified."""
        raise NotImplementedError
