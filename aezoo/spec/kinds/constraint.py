"""Constraints: projections of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from aezoo.spec.component import Component

if TYPE_CHECKING:
    from torch import nn


class ConstraintSpec(Component):
    """A projection of weights, applied in place after each step."""

    kind: ClassVar[str] = "constraint"
    #: Whether what it holds cannot grow without end.
    bounding: ClassVar[bool] = False
    on: str = Field("decoder", description="a layer, `decoder.0`, or a whole stack, `decoder`")

    def build(self) -> Callable[[nn.Module], None]:
        """A function that projects the weights of one module in place.

        If it has a method `tangent(module)`, that is called after each gradient, before clipping, to take out of it
        what the projection would undo.
        """
        raise NotImplementedError
