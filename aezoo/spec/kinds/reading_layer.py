"""Layers that read a tap beside their input: conditions, skips, and stochastic layers of a decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, PrivateAttr

from aezoo.errors import ShapeError
from aezoo.spec.kinds.layer import LayerSpec
from aezoo.spec.shape import Shape

if TYPE_CHECKING:
    from torch import nn


class ReadingLayerSpec(LayerSpec):
    """A layer that reads a tap beside its input: [B, *shape] and [B, *read_shape] -> [B, *output_shape(shape)].

    Its module is called `layer(h, read)`. A class field (`fields.label`) is read one-hot, as [B, classes] floats.
    It stands in the encoder's or decoder's own list, not inside another layer.
    """

    #: Whether it draws a value of its own: from a posterior by the tap it reads, which is then of the encoder, and
    #: where there is none from a prior. Its module is called `layer(h, read or None, noise or None)` and gives a
    #: `aezoo.nn.code.Level`.
    stochastic: ClassVar[bool] = False
    reads: str = Field(description="the tap that it reads beside its input: fields.label, encoder.1, decoder.0 ...")
    _read_shape: Shape | None = PrivateAttr(None)

    @property
    def read_shape(self) -> Shape:
        """Shape of what it reads, without the batch axis; `ShapeError` for a layer inside another one."""
        if self._read_shape is None:
            raise ShapeError(
                f"{self.tag()!r} reads {self.reads!r}, and a layer inside another one has no tap to read: "
                "put it into the list of the encoder or decoder itself"
            )
        return self._read_shape

    def bound(self, read_shape: Shape) -> Self:
        """A copy that knows the shape of what it reads: what shapes and weights are asked of."""
        copy = self.model_copy()
        copy._read_shape = read_shape
        return copy

    def build(self, shape: Shape) -> nn.Module:
        """The layer, for inputs [B, *shape]; `read_shape` is that of what it reads."""
        raise NotImplementedError
