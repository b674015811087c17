"""Columns of norm 1, and gradients tangent to the sphere."""

from __future__ import annotations

from torch import nn

from aezoo.nn.layers import Tied
from aezoo.nn.projection import Map, Projection, by_input, scale_to_unit


class Sphere(Projection):
    """Scale columns to norm 1 after a step, and make the gradient tangent before it.

    Gao et al. 2024, arXiv:2406.04093, appendix A.3: g <- g - (g . d) d for each column d.

    Args:
        first: Only the first map of a module.
    """

    def __init__(self, *, first: bool = False) -> None:
        super().__init__(scale_to_unit, first=first)
        self._make_tangent = Projection(make_tangent, first=first)

    def tangent(self, module: nn.Module) -> None:
        """Remove from the gradient its part along each column."""
        self._make_tangent(module)


def make_tangent(layer: Map) -> None:
    """Remove from the gradient of a map's weight its part along the columns."""
    source = layer.source if isinstance(layer, Tied) else layer
    if source.weight.grad is None:
        return
    columns, gradient = by_input(layer), by_input(layer, source.weight.grad)
    squares = columns.square().sum(dim=(1, 3), keepdim=True)
    along = (gradient * columns).sum(dim=(1, 3), keepdim=True) / squares.where(squares > 0, 1.0)
    gradient.sub_(along * columns)
