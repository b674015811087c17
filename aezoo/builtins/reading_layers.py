"""Layers that read a tap beside their input: joined to it, or as its scale and shift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from aezoo.plugin import (
    Affine,
    Field,
    LayerSpec,
    NoMirror,
    ReadingLayerSpec,
    Shape,
    ShapeError,
    Style,
    flat,
    flat_parameters,
    text,
)

if TYPE_CHECKING:
    from torch import nn


def tap_shape(shape: Shape, read: Shape) -> Shape:
    """The shape in which an input of `shape` takes what is read: [D], or [D, *grid] on its own grid.

    A vector takes all values of a tap as one; a grid takes a tap on the same grid, and a vector at every position.

    Raises:
        ShapeError: The tap has another grid.
    """
    if len(shape) == 1:
        return (flat(read),)
    if len(read) > 1 and read[1:] != shape[1:]:
        raise ShapeError(f"what it reads, {text(read)}, has another grid than what it is given, {text(shape)}")
    return read


def tap_map(read: Shape, outputs: int) -> Affine:
    """The affine map of what is read, in the shape that `tap_shape` gives."""
    return Affine(read[0], outputs, (1,) * (len(read) - 1))


class JoinSpec(ReadingLayerSpec):
    """What it is given and a tap, side by side along the channels: [C, *grid] and [D] or [D, *grid] -> [C + D, *grid].

    A vector is joined at every position; to a vector all values of a tap are joined. A class field is joined one-hot;
    with `features` through a learned map, as an embedding. It has no mirror: which of the channels lead back is yours
    to say.

    Example:
        input = [16]
        encoder = [
            { type = "linear", features = 12 },
            { type = "linear", features = 6 },
            { type = "join", reads = "encoder.0", features = 4 },
        ]
        decoder = [{ type = "linear", features = 16, activation = "identity" }]
    """

    type: Literal["join"] = "join"
    features: int | None = Field(
        None, ge=1, description="width of a learned affine map of the tap; unless said, the tap is joined as it is"
    )

    def output_shape(self, shape: Shape) -> Shape:
        read = tap_shape(shape, self.read_shape)
        return (shape[0] + (self.features or read[0]), *shape[1:])

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        raise NoMirror("what a layer joins cannot be led back; write the decoder's layers yourself: decoder = [...]")

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(tap_shape(shape, self.read_shape)[:1], (self.features,)) if self.features else 0

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return (tap_map(tap_shape(shape, self.read_shape), self.features),) if self.features else ()

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.latent import projection
        from aezoo.nn.reading_layers import Join

        read = tap_shape(shape, self.read_shape)
        return Join(projection(read, self.features, spatial=len(read) > 1) if self.features else None)


class ConditionSpec(ReadingLayerSpec):
    """A scale and a shift of each channel, both an affine map of a tap: (1 + scale) h + shift (arXiv:1709.07871).

    A vector, or a class field, gives the same at every position; a tap on the same grid gives each position its own.
    Mirrored it is the same layer with weights of its own, where it reads a field; a tap of the encoder has no mirror.

    Example:
        input = [16]
        encoder = [
            { type = "linear", features = 12 },
            { type = "linear", features = 6 },
            { type = "condition", reads = "encoder.0" },
        ]
        decoder = [{ type = "linear", features = 16, activation = "identity" }]
    """

    type: Literal["condition"] = "condition"

    def output_shape(self, shape: Shape) -> Shape:
        tap_shape(shape, self.read_shape)
        return shape

    def style(self) -> Style | None:
        return None  # it only rescales: the mirrored layer before it ends as the one before this

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        if not self.reads.startswith("fields."):
            raise NoMirror(f"a decoder cannot read {self.reads!r}; write its layers yourself: decoder = [...]")
        return [ConditionSpec(reads=self.reads)]

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(tap_shape(shape, self.read_shape)[:1], (2 * shape[0],))

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return (tap_map(tap_shape(shape, self.read_shape), 2 * shape[0]),)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.latent import projection
        from aezoo.nn.reading_layers import Condition

        read = tap_shape(shape, self.read_shape)
        return Condition(projection(read, 2 * shape[0], spatial=len(read) > 1))
