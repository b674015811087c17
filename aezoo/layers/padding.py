"""Padding: positions added before and after each axis of a signal, image or volume, or cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from aezoo.errors import ShapeError
from aezoo.layers.resampling import positions
from aezoo.spec.component import Ints
from aezoo.spec.kinds import LayerSpec, Style
from aezoo.spec.shape import Shape, grid
from aezoo.spec.window import Window

if TYPE_CHECKING:
    from torch import nn

#: Positions before and after each axis.
Sides = tuple[tuple[int, int], ...]
Mode = Literal["zeros", "reflect", "replicate", "circular"]
MODE = "what is added: zeros; the values mirrored at the edge, or the edge repeated; the other end (circular)"


def sides_of(padding: int | Ints, axes: int) -> Sides:
    """One number for all sides, two for before and after, or two for each axis in turn; or `ShapeError`."""
    if isinstance(padding, int):
        return ((padding, padding),) * axes
    if len(padding) == 2:
        return ((padding[0], padding[1]),) * axes
    if len(padding) != 2 * axes:
        each = f", or {2 * axes}, two for each axis" if axes > 1 else ""
        raise ShapeError(f"padding takes one number, two, [before, after]{each}, got {list(padding)}")
    return tuple(zip(padding[::2], padding[1::2], strict=True))


def check_mode(mode: Mode, sides: Sides, spatial: Shape) -> None:
    """Refuse to mirror or wrap around more values than there are."""
    for n, most in zip(spatial, map(max, sides), strict=True):
        if (mode == "reflect" and most >= n) or (mode == "circular" and most > n):
            raise ShapeError(f"{mode} padding of {most} is too wide for {positions(spatial)}")


def padded(spatial: Shape, sides: Sides) -> Shape:
    """The positions with those added."""
    return tuple(n + before + after for n, (before, after) in zip(spatial, sides, strict=True))


class PadSpec(LayerSpec):
    """Positions added around a signal, image or volume, or cut off where a number is negative.

    Its mirror cuts off what it adds, and fills what it cuts off with zeros.

    Example:
        [[encoder]]
        type = "pad"
        padding = [0, 1]
        mode = "reflect"
    """

    type: Literal["pad"] = "pad"
    carries: ClassVar[bool] = True
    padding: int | Ints = Field(
        description="on all sides; or [before, after], for all axes or for each in turn; negative ones are cut off"
    )
    mode: Mode = Field("zeros", description=MODE)

    def output_shape(self, shape: Shape) -> Shape:
        channels, spatial = grid(shape)
        sides = sides_of(self.padding, len(spatial))
        if self.mode != "zeros":
            if min(map(min, sides)) < 0:
                raise ShapeError(f"{self.mode} padding cuts nothing off, got {self.padding}; use mode zeros")
            check_mode(self.mode, sides, spatial)
        output = padded(spatial, sides)
        if min(output) < 1 or any(-least >= n for n, least in zip(spatial, map(min, sides), strict=True)):
            raise ShapeError(f"padding {self.padding} leaves nothing of {positions(spatial)}")
        return channels, *output

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        opposite = -self.padding if isinstance(self.padding, int) else tuple(-n for n in self.padding)
        return [PadSpec(padding=opposite)]

    def sees(self, shape: Shape) -> Window | None:
        if self.mode != "zeros":  # the values that it repeats stand elsewhere at another size
            return None
        before, _ = zip(*sides_of(self.padding, len(shape) - 1), strict=True)
        return Window(1, max(0, *before), max(0, *(-n for n in before)))

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.padding import Pad

        return Pad(sides_of(self.padding, len(shape) - 1), mode=self.mode)
