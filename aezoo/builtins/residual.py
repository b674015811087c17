"""Layers around layers: a residual block."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

from aezoo.plugin import (
    POINTWISE,
    Activation,
    Affine,
    Field,
    LayerSpec,
    NoMirror,
    Shape,
    ShapeError,
    Style,
    Window,
    as_tuple,
    ending,
    flat,
    flat_parameters,
    made,
    mirror_layers,
    text,
    trace,
)

if TYPE_CHECKING:
    from torch import nn


class ResidualSpec(LayerSpec):
    """A body of layers and a shortcut around it: activation(shortcut(x) + scale * body(x)) (arXiv:1512.03385).

    The shortcut is the identity where shapes agree. Else it is linear for vectors; a convolution with a
    kernel of 1, strided, where the body shrinks its input by an integer factor; and otherwise one with a resize.
    With `shortcut = "rearrange"` it has no weights: where the body shrinks its input by an integer factor, blocks of
    positions become channels, and groups of channels their mean; where it grows, channels are repeated, and become
    blocks of positions (arXiv:2410.10733).

    Example:
        [[encoder]]
        type = "residual"
        activation = "relu"
        body = [
            { type = "conv", channels = 32, stride = 2 },
            { type = "conv", channels = 32, activation = "identity" },
        ]
    """

    type: Literal["residual"] = "residual"
    body: Annotated[tuple[LayerSpec, ...], BeforeValidator(as_tuple)] = Field(
        min_length=1, description="layers, one after the other"
    )
    activation: Activation = Field("identity", description="pointwise function of the sum")
    scale: float = Field(1.0, gt=0, description="fixed factor of the body")
    shortcut: Literal["map", "rearrange"] = Field(
        "map", description="between shapes that differ: a learned map, or the values rearranged, averaged or repeated"
    )

    def output_shape(self, shape: Shape) -> Shape:
        output = self._shapes(shape)[-1]
        if len(output) != len(shape):
            raise ShapeError(f"its body must keep the axes, it leads {text(shape)} to {text(output)}")
        if self.shortcut == "rearrange":
            _factors(shape, output)
        return output

    def _learns(self, shape: Shape) -> bool:
        """Whether the shortcut has weights."""
        return self.shortcut == "map" and self._shapes(shape)[-1] != shape

    def _shapes(self, shape: Shape) -> list[Shape]:
        """The shape before each layer of the body, and after the last; cached, since each level of nesting reads it."""
        body, traced = self._traced
        if body is not self.body:  # a copy with another body
            traced = {}
        if shape not in traced:
            traced[shape] = trace(self.body, shape)
        return traced[shape]

    @cached_property
    def _traced(self) -> tuple[tuple[LayerSpec, ...], dict[Shape, list[Shape]]]:
        return self.body, {}

    def style(self) -> Style:
        return Style(self.activation)

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        body = mirror_layers(self.body, shape, target=target, style=Style(upsampling=style.upsampling))
        if not body:  # no layer of it has a counterpart in a mirror, as with dropout
            return self._mirror_of_none(shape, target, style)
        own = style.activation if style.norm == "none" else "identity"
        back = ResidualSpec(body=tuple(body), activation=own, scale=self.scale, shortcut=self.shortcut)
        if back.output_shape(self.output_shape(shape)) != target:
            raise self._channels_error(target)
        return [back] if style.norm == "none" else [back, *ending(style)]

    def _mirror_of_none(self, shape: Shape, target: Shape, style: Style) -> Sequence[LayerSpec]:
        if target != self.output_shape(shape):
            raise self._channels_error(target)
        return ending(style)

    def _channels_error(self, target: Shape) -> NoMirror:
        return NoMirror(f"its body keeps its channels, the mirror needs {target[0]}")

    def parameters(self, shape: Shape) -> int:
        shapes = self._shapes(shape)
        own = flat_parameters(shape[:1], shapes[-1][:1]) if self._learns(shape) else 0
        return own + sum(layer.parameters(s) for layer, s in zip(self.body, shapes, strict=False))

    def in_use(self, shape: Shape) -> int:
        # The input waits for the shortcut while the body runs layer by layer, and an output is made of two others.
        within = max(layer.in_use(input_shape) for _, layer, input_shape in self.inside(shape))
        return flat(shape) + max(within, 3 * flat(self.output_shape(shape)))

    def maps(self, shape: Shape) -> Sequence[Affine] | None:
        shapes = self._shapes(shape)
        maps_of_layers = [layer.maps(s) for layer, s in zip(self.body, shapes, strict=False)]
        own = (_shortcut(shape, shapes[-1]),) if self._learns(shape) else ()
        return None if None in maps_of_layers else (*(one for maps in maps_of_layers for one in maps or ()), *own)

    def sees(self, shape: Shape) -> Window | None:
        body, shapes = POINTWISE, self._shapes(shape)
        for layer, input_shape in zip(self.body, shapes, strict=False):
            if (window := layer.sees(input_shape)) is None:
                return None
            body = body.then(window)
        if self.shortcut != "map" and shapes[-1] != shape:
            around: Window | None = _block_window(body.stride)
        else:
            around = _shortcut_window(shape, shapes[-1], body.stride)
        return None if around is None else body.beside(around)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.residual import Residual, shortcut
        from aezoo.nn.shuffling import Rearranged

        shapes = self._shapes(shape)
        body = [made(layer, s) for layer, s in zip(self.body, shapes, strict=False)]
        output = shapes[-1]
        if self.shortcut == "map" or output == shape:
            around = shortcut(shape, output, factor=_factor(shape, output))
        else:
            down, up = _factors(shape, output)
            around = Rearranged(output[0], down=down, up=up)
        return Residual(body, around, activation=self.activation, scale=self.scale)


def _factor(shape: Shape, output: Shape) -> int | None:
    """How many times longer all axes get, if that is a whole number above 1."""
    factors = {Fraction(b, a) for a, b in zip(shape[1:], output[1:], strict=True)}
    return factors.pop().numerator if len(factors) == 1 and max(factors).denominator == 1 else None


def _shortcut_window(shape: Shape, output: Shape, stride: Fraction | float) -> Window | None:
    """The window of the shortcut, if at every size it leads to the size that a body of this stride does."""
    if len(shape) == 1 or any(b * stride != a for a, b in zip(shape[1:], output[1:], strict=True)):
        return None
    if stride >= 1:
        return Window(stride, 0, 0, int(stride))
    return Window(stride, 1 - stride, 0)


def _block_window(stride: Fraction | float) -> Window:
    """The window of a shortcut that rearranges whole blocks of positions."""
    return Window(stride, 0, stride - 1, int(stride)) if stride >= 1 else Window(stride, 1 - stride, 0)


def _factors(shape: Shape, output: Shape) -> tuple[int, int]:
    """By what factor each axis shrinks, and grows; or `ShapeError`."""
    pairs = list(zip(shape[1:], output[1:], strict=True))
    down, up = (
        max((one // other for one, other in side), default=1) or 1 for side in (pairs, [p[::-1] for p in pairs])
    )
    if any(before * up != after * down for before, after in pairs):
        raise ShapeError(f"rearranges by one whole factor on all axes, its body leads {text(shape)} to {text(output)}")
    made, wanted = shape[0] * down ** len(pairs), output[0] * up ** len(pairs)
    if made % wanted and wanted % made:
        message = f"{made} channels to {wanted}, neither a multiple of the other; take other channels"
        raise ShapeError(f"its shortcut would lead {message}")
    return down, up


def _shortcut(shape: Shape, output: Shape) -> Affine:
    """The map of the shortcut: strided where a stride leads to the size, else at every position."""
    axes = [(a, b, -(-a // b)) for a, b in zip(shape[1:], output[1:], strict=True)]
    strided = all((a - 1) // stride + 1 == b for a, b, stride in axes)
    stride = max((stride for *_, stride in axes), default=1) if strided else 1
    return Affine(shape[0], output[0], (1,) * len(axes), stride)
