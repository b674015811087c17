"""Projections of weights: how a constraint is applied after each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from aezoo.nn.layers import Tied

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
Map = nn.Linear | Convolution | Transposed | Tied


@runtime_checkable
class Tangential(Protocol):
    """A projection that can remove from a gradient the part that it would undo after the step."""

    def tangent(self, module: nn.Module) -> None: ...


def maps(module: nn.Module) -> Iterator[Map]:
    """The affine maps of a module, in order."""
    for part in module.modules():
        if isinstance(part, Map):
            yield part


def by_input(layer: Map, values: Tensor | None = None) -> Tensor:
    """A view of the weight as [G, out, in, k]; a column [g, :, i, :] has the weights of one input unit.

    Args:
        layer: The map.
        values: A tensor of the weight's shape to view instead, such as its gradient.
    """
    tied = isinstance(layer, Tied)
    source = layer.source if isinstance(layer, Tied) else layer
    values = source.weight if values is None else values
    if isinstance(source, nn.Linear):
        return (values.t() if tied else values)[None, :, :, None]
    assert isinstance(source, Convolution | Transposed)
    first, second = values.shape[:2]
    kernels = values.view(source.groups, first // source.groups, second, -1)
    # Weights of a convolution are [out, in / G, *kernel], of a transposed one [in, out / G, *kernel]; tied ones swap.
    return kernels.transpose(1, 2) if isinstance(source, Transposed) != tied else kernels


def column_norms(layer: Map) -> Tensor:
    """Euclidean norm of each input unit's column.

    Shape:
        -> [G, 1, in, 1]
    """
    norms: Tensor = torch.linalg.vector_norm(by_input(layer), dim=(1, 3), keepdim=True)
    return norms


def scale_to_unit(layer: Map) -> None:
    """Scale every column to norm 1; a column of zeros stays."""
    norms = column_norms(layer)
    by_input(layer).div_(norms.where(norms > 0, 1.0))


def scale_below(layer: Map, *, norm: float) -> None:
    """Scale every column that is longer than `norm` down to it."""
    norms = column_norms(layer)
    by_input(layer).mul_((norm / norms).clamp_max(1.0))


class Projection:
    """Apply a rule to the maps of a module, in place and outside the graph.

    Args:
        rule: Applied to each map.
        first: Whether only to the first map of the module.
    """

    def __init__(self, rule: Callable[[Map], None], *, first: bool = False) -> None:
        self.rule = rule
        self.first = first

    @torch.no_grad()
    def __call__(self, module: nn.Module) -> None:
        for layer in maps(module):
            self.rule(layer)
            if self.first:
                return
