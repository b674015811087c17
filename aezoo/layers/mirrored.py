"""Layers for mirrors: a linear map, a pointwise convolution, a norm and activation at the end."""

from __future__ import annotations

from collections.abc import Sequence

from aezoo.spec.kinds import LayerSpec, Style
from aezoo.spec.shape import Shape


def dense(shape: Shape, style: Style) -> Sequence[LayerSpec]:
    """A linear map of a vector to `shape`, ending in `style`: from a flat code, or to a vector."""
    from aezoo.layers.basic import dense as layers

    return layers(shape, style)


def pointwise(shape: Shape, style: Style) -> Sequence[LayerSpec]:
    """A convolution of kernel 1 on the same grid to `shape`, ending in `style`: from a spatial code."""
    from aezoo.layers.convolutions import ConvSpec

    return [ConvSpec(channels=shape[0], kernel=1, activation=style.activation, norm=style.norm)]


def ending(style: Style) -> Sequence[LayerSpec]:
    """The style as layers of their own, for a layer that has no such fields; none for a style that does nothing."""
    from aezoo.layers.basic import ending as layers

    return layers(style)
