"""Mirror: the layers of an encoder, led back. Declarations to declarations, without torch.

    encoder   x ── layer 0 ──> h1 ── layer 1 ──> h2            shapes   s0 ──> s1 ──> s2
    mirror    t0 <── layer 0' ── t1 <── layer 1' ── t2         targets  t0 <── t1 <── t2

Targets are the encoder's shapes, but next to the output, where the likelihood may ask for more channels: a
layer that only carries values (flatten, pool) passes these on, the first one with weights makes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from aezoo.errors import NoMirror, ShapeError
from aezoo.spec.contracts import several, shape_of
from aezoo.spec.kinds import LayerSpec, Style, Upsampling
from aezoo.spec.shape import Shape


class Misfit(ShapeError):
    """Layer `index` of a list cannot take its input shape."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


def trace(layers: Sequence[LayerSpec], shape: Shape) -> list[Shape]:
    """The shape before each layer, and after the last. Raises `Misfit`."""
    shapes = [shape]
    for index, layer in enumerate(layers):
        shapes.append(output_of(layer, index, shapes[-1]))
    return shapes


def output_of(layer: LayerSpec, index: int, shape: Shape) -> Shape:
    """What layer `index` of a list gives for an input of this shape. Raises `Misfit`."""
    try:
        return shape_of(layer, "output_shape", layer.output_shape(shape))
    except Misfit as error:  # of a list inside this layer
        raise Misfit(f"in its body, layer {error.index}: {error}", index) from error
    except ShapeError as error:
        raise Misfit(str(error), index) from error


def mirror_layers(layers: Sequence[LayerSpec], shape: Shape, *, target: Shape, style: Style) -> list[LayerSpec]:
    """The layers that lead from where `layers` end back to `target`, the last of them ending in `style`.

    A mirrored layer ends in the activation and norm of the nearest layer before its source that has any.

    Args:
        layers: Those of the encoder, and the latent's map.
        shape: Input of `layers`.
        target: `shape` itself, or with other channels.
        style: How the last layer ends; its `upsampling` holds for all.

    Raises:
        NoMirror: A layer has none, or none that makes `target`.
    """
    shapes, targets = trace(layers, shape), _targets(layers, shape, target)
    back: list[LayerSpec] = []
    for index in reversed(range(len(layers))):
        ending = _nearest_style(layers[:index], style)
        layer = layers[index]
        try:
            led = layer.mirror(shapes[index], target=targets[index], style=ending)
            back += several(layer, "mirror", led, LayerSpec, "a list of layers")
        except (NoMirror, ShapeError) as error:
            raise _unreachable(layers, index, error) from error
    return back


def mirror_source(layers: Sequence[LayerSpec], shape: Shape, *, target: Shape) -> Shape:
    """The shape that `mirror_layers` starts from: where `layers` end, unless all of them only carry."""
    return _targets(layers, shape, target)[-1]


def last_style(layers: Sequence[LayerSpec], *, upsampling: Upsampling = "transposed") -> Style:
    """How the layer ends that the latent's own mirror leads back to."""
    return _nearest_style(layers, Style(upsampling=upsampling))


def _targets(layers: Sequence[LayerSpec], shape: Shape, target: Shape) -> list[Shape]:
    """What each mirrored layer has to make; the last is the input of the first of them."""
    shapes, targets = trace(layers, shape), [target]
    for index, layer in enumerate(layers):
        try:
            targets.append(layer.output_shape(targets[-1]) if layer.carries else shapes[index + 1])
        except ShapeError as error:
            raise _unreachable(layers, index, error) from error
    return targets


def _nearest_style(layers: Sequence[LayerSpec], default: Style) -> Style:
    styles = (layer.style() for layer in reversed(layers))
    nearest = next((style for style in styles if style is not None), default)
    return nearest._replace(upsampling=default.upsampling)


def _unreachable(layers: Sequence[LayerSpec], index: int, error: ValueError) -> NoMirror:
    return NoMirror(f"mirroring layer {index} ({layers[index].tag()!r}): {error}")
