"""Layers that change how many positions a signal, image or volume has: pooling, selection and interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from aezoo.errors import ShapeError
from aezoo.layers.basic import ReshapeSpec
from aezoo.spec.component import Ints
from aezoo.spec.kinds import LayerSpec, Style
from aezoo.spec.shape import Shape, conv_length, grid, sequence, text
from aezoo.spec.window import Window

if TYPE_CHECKING:
    from torch import nn


def positions(spatial: Shape) -> str:
    """`28x28 pixels`."""
    return f"{text(spatial)} {('steps', 'pixels', 'voxels')[len(spatial) - 1]}"


def check_rank(size: Shape, spatial: Shape) -> None:
    """Refuse a size without one positive entry for each spatial axis."""
    if len(size) != len(spatial) or min(size) < 1:
        raise ShapeError(f"size takes {len(spatial)} positive numbers, got {list(size)}")


def growth(spatial: Shape, size: Shape) -> int | None:
    """How many times longer each axis gets, if that is the same whole number for all of them."""
    factors = {Fraction(after, before) for before, after in zip(spatial, size, strict=True)}
    factor = factors.pop()
    return None if factors or factor.denominator > 1 else factor.numerator


class PoolSpec(LayerSpec):
    """The largest or the mean value of each window; its mirror is a nearest-neighbour resize.

    An axis of n positions becomes one of floor((n - size) / stride) + 1.

    Example:
        [[encoder]]
        type = "pool"
        size = 2
        mode = "average"
    """

    type: Literal["pool"] = "pool"
    carries: ClassVar[bool] = True
    size: int = Field(2, ge=1, description="positions of a window along each axis")
    stride: int | None = Field(None, ge=1, description="positions from one window to the next; by default `size`")
    mode: Literal["max", "average"] = Field("max", description="largest or mean value of a window")

    def output_shape(self, shape: Shape) -> Shape:
        channels, spatial = grid(shape)
        if min(spatial) < self.size:
            raise ShapeError(f"windows of {self.size} do not fit {positions(spatial)}")
        stride = self.stride or self.size
        return channels, *(conv_length(n, kernel=self.size, stride=stride, padding=0) for n in spatial)

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [UpsampleSpec(size=target[1:])]

    def sees(self, shape: Shape) -> Window | None:
        stride = self.stride or self.size
        return Window(stride, 0, self.size - 1, stride)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.resampling import pool

        return pool(self.mode, len(shape) - 1, size=self.size, stride=self.stride or self.size)


class GlobalPoolSpec(LayerSpec):
    """The mean over all positions, [C, *spatial] -> [C]. Its mirror repeats the vector at all positions.

    Example:
        [[encoder]]
        type = "global_pool"
    """

    type: Literal["global_pool"] = "global_pool"
    carries: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        return grid(shape)[:1]

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        single = (target[0], *(1 for _ in target[1:]))
        return [ReshapeSpec(shape=single), UpsampleSpec(size=target[1:])]

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.resampling import GlobalPool

        return GlobalPool()


class LastSpec(LayerSpec):
    """The last step of a sequence, [C, L] -> [C]: after a recurrent or causal layer, what it knows at the end.

    The second half of a bidirectional network has read one step there; it begins at the end. The mirror repeats the
    vector at all steps.

    Example:
        [[encoder]]
        type = "recurrent"
        features = 8

        [[encoder]]
        type = "last"
    """

    type: Literal["last"] = "last"
    carries: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        return sequence(shape)[:1]

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [ReshapeSpec(shape=(target[0], 1)), UpsampleSpec(size=target[1:])]

    def forgets_order(self, shape: Shape) -> bool:
        return False

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.sequences import Last

        return Last()


class UpsampleSpec(LayerSpec):
    """A resize by interpolation, by a `factor` or to a `size`. Its mirror averages windows, or resizes back.

    Example:
        [[encoder]]
        type = "upsample"
        factor = 2
        mode = "linear"
    """

    type: Literal["upsample"] = "upsample"
    carries: ClassVar[bool] = True
    factor: int | None = Field(None, ge=1, description="how many times longer each axis gets")
    size: Ints | None = Field(None, description="positions of the output along each axis, instead of `factor`")
    mode: Literal["nearest", "linear"] = Field(
        "nearest", description="nearest neighbour, or linear along every axis (bilinear, trilinear)"
    )

    def output_shape(self, shape: Shape) -> Shape:
        channels, spatial = grid(shape)
        if (self.factor is None) == (self.size is None):
            raise ShapeError("takes either a factor or a size")
        if self.size is not None:
            check_rank(self.size, spatial)
            return channels, *self.size
        return channels, *(n * (self.factor or 1) for n in spatial)

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        if self.factor is not None:
            return [PoolSpec(size=self.factor, mode="average")]
        return [UpsampleSpec(size=target[1:], mode=self.mode)]

    def sees(self, shape: Shape) -> Window | None:
        factor = growth(shape[1:], self.output_shape(shape)[1:])
        if factor is None:
            return None
        step = Fraction(1, factor)
        if self.mode == "nearest":
            return Window(step, 1 - step, 0)
        # Between the two positions around (j + 1/2) step - 1/2.
        return Window(step, Fraction(3, 2) - step, (1 + step) / 2)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.resampling import resize

        output = self.output_shape(shape)[1:]
        return resize(output, mode=self.mode, factor=growth(shape[1:], output))
