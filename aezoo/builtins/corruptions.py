"""Corruptions: what spoils the input, in training only; the target stays clean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from aezoo.plugin import Component, CorruptionSpec, Field, Range, Remark, Shape, ShapeError, Spec, as_tuple, grid, text

if TYPE_CHECKING:
    from torch import nn


def _rising(level: float | tuple[float, float]) -> float | tuple[float, float]:
    if isinstance(level, tuple) and level[0] > level[1]:
        raise ValueError(f"a range takes the lower end first, got {list(level)}")
    return level


Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[float, Field(ge=0)]
#: A strength: one number, or a range that each sample draws its own from.
Probability = Annotated[Share | tuple[Share, Share], BeforeValidator(as_tuple), AfterValidator(_rising)]
Deviation = Annotated[Size | tuple[Size, Size], BeforeValidator(as_tuple), AfterValidator(_rising)]
Per = Literal["value", "pixel"]

NO_RANGE = "declare it: input = {shape = [...], range = [0, 1]}"


def _pixels(part: str, per: Per, spec: Spec) -> Iterator[Remark]:
    if per == "pixel" and len(spec.input.shape) == 1:
        yield Remark(f"a vector has no pixels for {part} to spoil whole", 'per = "value"')


class MaskSpec(CorruptionSpec):
    """Hide values: each becomes `value` with probability `p`, and nothing is rescaled (Vincent et al. 2008).

    Example:
        [[corruption]]
        type = "mask"
        p = [0.1, 0.5]
        per = "pixel"
    """

    type: Literal["mask"] = "mask"
    p: Probability = Field(0.25, description="share of values that are hidden; [low, high] draws one for each sample")
    value: float = Field(0.0, description="what stands in their place")
    per: Per = Field("value", description="pixel: all channels of a place are hidden together")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _pixels("a mask", self.per, spec)

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import Mask

        return Mask(self.p, value=self.value, per_pixel=self.per == "pixel")


class GaussianNoiseSpec(CorruptionSpec):
    """Add N(0, std^2) to every value (Vincent et al. 2010).

    Example:
        [[corruption]]
        type = "gaussian_noise"
        std = 0.5
    """

    type: Literal["gaussian_noise"] = "gaussian_noise"
    std: Deviation = Field(0.5, description="standard deviation, in data units; [low, high] draws one for each sample")
    clip: bool = Field(False, description="clip to the declared range afterwards")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.clip and spec.input.range is None:
            yield Remark("clip needs the range of the data", NO_RANGE)

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import GaussianNoise

        return GaussianNoise(self.std, range=range if self.clip else None)


class SaltAndPepperSpec(CorruptionSpec):
    """Send values to one end of the declared range or the other, at even odds (Vincent et al. 2010).

    Example:
        [[corruption]]
        type = "salt_and_pepper"
        p = 0.1
    """

    type: Literal["salt_and_pepper"] = "salt_and_pepper"
    p: Probability = Field(0.1, description="share of values that are sent; [low, high] draws one for each sample")
    per: Per = Field("value", description="pixel: all channels of a place go together")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _pixels("salt and pepper", self.per, spec)
        if spec.input.range is None:
            yield Remark("salt and pepper are the ends of the range, and none is declared", NO_RANGE)

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import SaltAndPepper

        if range is None:
            raise ValueError("salt_and_pepper needs the range of the data")
        return SaltAndPepper(self.p, range=range, per_pixel=self.per == "pixel")


class BlockSpec(CorruptionSpec):
    """Hide one block of each sample, placed at random: pixels in a square, a stretch (arXiv:1708.04552).

    Example:
        [[corruption]]
        type = "block"
        size = 8
    """

    type: Literal["block"] = "block"
    size: int = Field(ge=1, description="side of the block")
    value: float = Field(0.0, description="what stands in it")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        try:
            _, sides = grid(spec.input.shape)
        except ShapeError as error:
            yield Remark(str(error), 'a vector has no blocks: use "mask"')
            return
        if self.size > min(sides):
            yield Remark(f"a block of {self.size} does not fit into {text(sides)}", f"size = {min(sides)} at most")

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import Block

        return Block(self.size, value=self.value)


COMPONENTS: list[type[Component]] = [MaskSpec, GaussianNoiseSpec, SaltAndPepperSpec, BlockSpec]
