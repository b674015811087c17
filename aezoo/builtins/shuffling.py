"""Layers that trade positions for channels and lose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Field, LayerSpec, Shape, ShapeError, Style, Window, grid, text

if TYPE_CHECKING:
    from torch import nn

FACTOR = "positions along each axis that become channels, or are made of them"


class PixelUnshuffleSpec(LayerSpec):
    """Each block of `factor` positions along every axis, stacked as channels (arXiv:1609.05158, inverted).

    [C, *spatial] becomes [C factor^axes, *spatial / factor]; its mirror is `pixel_shuffle`.

    Example:
        [[encoder]]
        type = "pixel_unshuffle"
        factor = 2
    """

    type: Literal["pixel_unshuffle"] = "pixel_unshuffle"
    carries: ClassVar[bool] = True
    factor: int = Field(2, ge=2, description=FACTOR)

    def output_shape(self, shape: Shape) -> Shape:
        channels, spatial = grid(shape)
        if any(n % self.factor for n in spatial):
            raise ShapeError(f"factor {self.factor} does not divide {text(spatial)} positions")
        return channels * self.factor ** len(spatial), *(n // self.factor for n in spatial)

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [PixelShuffleSpec(factor=self.factor)]

    def sees(self, shape: Shape) -> Window | None:
        return Window(self.factor, 0, self.factor - 1, self.factor)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.shuffling import Unshuffle

        return Unshuffle(self.factor)


class PixelShuffleSpec(LayerSpec):
    """Channels spread over blocks of `factor` positions along every axis (Shi et al. 2016, arXiv:1609.05158).

    [C factor^axes, *spatial] becomes [C, *spatial factor]; its mirror is `pixel_unshuffle`.

    Example:
        [[encoder]]
        type = "pixel_shuffle"
        factor = 2
    """

    type: Literal["pixel_shuffle"] = "pixel_shuffle"
    carries: ClassVar[bool] = True
    factor: int = Field(2, ge=2, description=FACTOR)

    def output_shape(self, shape: Shape) -> Shape:
        channels, spatial = grid(shape)
        block = self.factor ** len(spatial)
        if channels % block:
            raise ShapeError(f"takes a multiple of factor^axes = {block} channels, got {text(shape)}")
        return channels // block, *(n * self.factor for n in spatial)

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [PixelUnshuffleSpec(factor=self.factor)]

    def sees(self, shape: Shape) -> Window | None:
        step = Fraction(1, self.factor)
        return Window(step, 1 - step, 0)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.shuffling import Shuffle

        return Shuffle(self.factor)
