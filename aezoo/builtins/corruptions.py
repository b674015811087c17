"""Corruptions: what spoils the input, in training only; the target stays clean."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator

from aezoo.plugin import CorruptionSpec, Field, Range, Remark, Shape, ShapeError, Spec, as_tuple, grid, text

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

Strength = float | tuple[float, float]

NO_RANGE = "declare it: input = {shape = [...], range = [0, 1]}"


def _least(strength: Strength) -> float:
    return strength[0] if isinstance(strength, tuple) else strength


def _most(strength: Strength) -> float:
    return strength[1] if isinstance(strength, tuple) else strength


def _idle(part: str, strength: Strength, at: str) -> Iterator[Remark]:
    if _most(strength) == 0:
        yield Remark(f"{part} of {at} = 0 spoils nothing", "leave it out", "warning", at=at)


def _total(part: str, share: Strength) -> Iterator[Remark]:
    if _least(share) == 1:
        yield Remark(f"{part} of p = 1 leaves nothing of any input", "p = 0.5, or less", "warning", at="p")


def _foreign(part: str, value: float, spec: Spec) -> Iterator[Remark]:
    """A stand-in that no clean input has tells where it stands: the model learns to find the holes."""
    low, high = spec.input.range or (value, value)
    if not low <= value <= high:
        told = f"{part} fills in {value:g}, and no value of the data lies outside [{low:g}, {high:g}]"
        yield Remark(told, f"value = {low:g}, or between", "warning", "AZ515", at="value")


def _pixels(part: str, per: Per, spec: Spec) -> Iterator[Remark]:
    if per == "pixel" and len(spec.input.shape) == 1:
        yield Remark(f"a vector has no pixels for {part} to spoil whole", 'per = "value"', at="per")


class MaskSpec(CorruptionSpec):
    """Hide values: each becomes `value` with probability `p`, and nothing is rescaled (Vincent et al. 2008).

    Example:
        [[corruption]]
        type = "mask"
        p = [0.1, 0.5]
        per = "pixel"
    """

    type: Literal["mask"] = "mask"
    strengths: ClassVar[tuple[str, ...]] = ("p",)
    p: Probability = Field(0.25, description="share of values that are hidden; [low, high] draws one for each sample")
    value: float = Field(0.0, description="what stands in their place, in data units")
    per: Per = Field("value", description="value: each for itself; pixel: all channels of a place together")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _pixels("a mask", self.per, spec)
        yield from _foreign("a mask", self.value, spec)
        yield from _idle("a mask", self.p, "p")
        yield from _total("a mask", self.p)

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import Mask

        return Mask(self.p, value=self.value, per_pixel=self.per == "pixel")


class GaussianNoiseSpec(CorruptionSpec):
    """Add noise from N(0, std^2) to every value (Vincent et al. 2010, JMLR 11:3371).

    Example:
        [[corruption]]
        type = "gaussian_noise"
        std = 0.5
    """

    type: Literal["gaussian_noise"] = "gaussian_noise"
    strengths: ClassVar[tuple[str, ...]] = ("std",)
    std: Deviation = Field(0.5, description="standard deviation, in data units; [low, high] draws one for each sample")
    clip: bool = Field(False, description="whether the sum is clipped to the declared range")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.clip and spec.input.range is None:
            yield Remark("clip needs the range of the data", NO_RANGE, at="clip")
        yield from _idle("noise", self.std, "std")
        yield from self._drowning(spec)

    def _drowning(self, spec: Spec) -> Iterator[Remark]:
        low, high = spec.input.range or (0.0, inf)
        if _least(self.std) > high - low:
            told = f"noise of std {_least(self.std):g} on values in [{low:g}, {high:g}]: little of any input is left"
            yield Remark(told, f"std = {(high - low) / 2:g}, or less, in data units", "warning", "AZ515", at="std")

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import GaussianNoise

        return GaussianNoise(self.std, range=range if self.clip else None)


class SaltAndPepperSpec(CorruptionSpec):
    """Send values to one end of the declared range or the other, at even odds (Vincent et al. 2010, JMLR 11:3371).

    Example:
        [[corruption]]
        type = "salt_and_pepper"
        p = 0.1
    """

    type: Literal["salt_and_pepper"] = "salt_and_pepper"
    strengths: ClassVar[tuple[str, ...]] = ("p",)
    p: Probability = Field(0.1, description="share of values that are sent; [low, high] draws one for each sample")
    per: Per = Field("value", description="value: each for itself; pixel: all channels of a place together")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _pixels("salt and pepper", self.per, spec)
        if spec.input.range is None:
            yield Remark("salt and pepper are the ends of the range, and none is declared", NO_RANGE)
        yield from _idle("salt and pepper", self.p, "p")
        yield from _total("salt and pepper", self.p)

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import SaltAndPepper

        if range is None:
            raise ValueError("salt_and_pepper needs the range of the data")
        return SaltAndPepper(self.p, range=range, per_pixel=self.per == "pixel")


class BlockSpec(CorruptionSpec):
    """Hide one block of each sample, placed at random: a stretch of a signal, a square, a cube (arXiv:1708.04552).

    Unlike there, it always lies inside.

    Example:
        [[corruption]]
        type = "block"
        size = 8
    """

    type: Literal["block"] = "block"
    size: int = Field(ge=1, description="side of the block, in positions")
    value: float = Field(0.0, description="what stands in it, in data units")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        try:
            _, sides = grid(spec.input.shape)
        except ShapeError as error:
            yield Remark(str(error), 'a vector has no blocks: use "mask"')
            return
        if self.size > min(sides):
            told = f"a block of {self.size} does not fit into {text(sides)}"
            yield Remark(told, f"size = {min(sides)} at most", at="size")
        elif self.size == max(sides):
            told = f"a block of {self.size} hides all of {text(sides)}"
            yield Remark(told, f"size = {self.size // 2 or 1}, or less", "warning", at="size")
        yield from _foreign("a block", self.value, spec)

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import Block

        return Block(self.size, value=self.value)
