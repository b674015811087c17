"""Corruptions of the input, in training only; the target stays clean."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag

from aezoo.plugin import (
    ConstantSpec,
    CorruptionSpec,
    Field,
    Range,
    Remark,
    ScheduleSpec,
    Shape,
    ShapeError,
    Spec,
    Within,
    as_tuple,
    grid,
    scheduled,
    text,
)

if TYPE_CHECKING:
    from torch import nn


Strength = float | tuple[float, float] | ScheduleSpec


def _rising(level: float | tuple[float, float]) -> float | tuple[float, float]:
    if isinstance(level, tuple) and level[0] > level[1]:
        raise ValueError(f"a range takes the lower end first, got {list(level)}")
    return level


def _plain(level: ScheduleSpec) -> float | ScheduleSpec:
    """A constant as the number that it is: one strength has one form, however it is written."""
    return level.number if isinstance(level, ConstantSpec) else level


Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[float, Field(ge=0)]


def _form(level: Any) -> str:
    """Which form a strength has; only the errors of that one are reported."""
    return "schedule" if isinstance(level, (dict, str, ScheduleSpec)) else "plain"


#: A strength: one number, a range from which one is drawn for each sample, or a schedule.
Probability = Annotated[
    Annotated[Share | tuple[Share, Share], BeforeValidator(as_tuple), AfterValidator(_rising), Tag("plain")]
    | Annotated[ScheduleSpec, Within(ge=0, le=1), AfterValidator(_plain), Tag("schedule")],
    Discriminator(_form),
]
Deviation = Annotated[
    Annotated[Size | tuple[Size, Size], BeforeValidator(as_tuple), AfterValidator(_rising), Tag("plain")]
    | Annotated[ScheduleSpec, Within(ge=0), AfterValidator(_plain), Tag("schedule")],
    Discriminator(_form),
]
Per = Literal["value", "pixel"]

NO_RANGE = "declare it: input = {shape = [...], range = [0, 1]}"


def _ends(strength: Strength) -> tuple[float, float]:
    """The least and the largest that it gets to; of a schedule that does not say, anything."""
    if isinstance(strength, ScheduleSpec):
        return strength.bounds() or (0.0, inf)
    return strength if isinstance(strength, tuple) else (strength, strength)


def _least(strength: Strength) -> float:
    return _ends(strength)[0]


def _most(strength: Strength) -> float:
    return _ends(strength)[1]


def _warn_of_zero(part: str, strength: Strength, at: str) -> Iterator[Remark]:
    if _most(strength) == 0:
        yield Remark(f"{part} of {at} = 0 changes nothing", "leave it out", "warning", at=at)


def _warn_of_one(part: str, share: Strength) -> Iterator[Remark]:
    if _least(share) == 1:
        yield Remark(f"{part} of p = 1 leaves nothing of any input", "p = 0.5, or less", "warning", at="p")


def _warn_outside(part: str, value: float, spec: Spec) -> Iterator[Remark]:
    """Warn of a fill value that no clean input has: the model would learn to locate the holes by it."""
    low, high = spec.input.range or (value, value)
    if not low <= value <= high:
        message = f"{part} fills in {value:g}, and no value of the data lies outside [{low:g}, {high:g}]"
        yield Remark(message, f"value = {low:g}, or between", "warning", "AZ515", at="value")


def _check_pixels(part: str, per: Per, spec: Spec) -> Iterator[Remark]:
    if per == "pixel" and len(spec.input.shape) == 1:
        yield Remark(f"a vector has no pixels that {part} could replace as a whole", 'per = "value"', at="per")


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
    p: Probability = Field(
        0.25, description="share of values that are hidden; [low, high] draws one for each sample; or a schedule"
    )
    value: float = Field(0.0, description="the value that replaces them, in data units")
    per: Per = Field("value", description="value: each for itself; pixel: all channels of a position together")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _check_pixels("a mask", self.per, spec)
        yield from _warn_outside("a mask", self.value, spec)
        yield from _warn_of_zero("a mask", self.p, "p")
        yield from _warn_of_one("a mask", self.p)

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import Mask

        return scheduled(Mask(value=self.value, per_pixel=self.per == "pixel"), p=self.p)


class GaussianNoiseSpec(CorruptionSpec):
    """Add noise from N(0, std^2) to every value (Vincent et al. 2010, JMLR 11:3371).

    Example:
        [[corruption]]
        type = "gaussian_noise"
        std = 0.5
    """

    type: Literal["gaussian_noise"] = "gaussian_noise"
    strengths: ClassVar[tuple[str, ...]] = ("std",)
    std: Deviation = Field(
        0.5, description="standard deviation, in data units; [low, high] draws one for each sample; or a schedule"
    )
    clip: bool = Field(False, description="whether the sum is clipped to the declared range")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.clip and spec.input.range is None:
            yield Remark("clip needs the range of the data", NO_RANGE, at="clip")
        yield from _warn_of_zero("noise", self.std, "std")
        yield from self._warn_of_large(spec)

    def _warn_of_large(self, spec: Spec) -> Iterator[Remark]:
        low, high = spec.input.range or (0.0, inf)
        if _least(self.std) > high - low:
            message = f"noise of std {_least(self.std):g} on values in [{low:g}, {high:g}]: little of any input is left"
            yield Remark(message, f"std = {(high - low) / 2:g}, or less, in data units", "warning", "AZ515", at="std")

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import GaussianNoise

        return scheduled(GaussianNoise(range=range if self.clip else None), std=self.std)


class SaltAndPepperSpec(CorruptionSpec):
    """Replace values by either end of the declared range, at even odds (Vincent et al. 2010, JMLR 11:3371).

    Example:
        [[corruption]]
        type = "salt_and_pepper"
        p = 0.1
    """

    type: Literal["salt_and_pepper"] = "salt_and_pepper"
    strengths: ClassVar[tuple[str, ...]] = ("p",)
    p: Probability = Field(
        0.1, description="share of values that are replaced; [low, high] draws one for each sample; or a schedule"
    )
    per: Per = Field("value", description="value: each for itself; pixel: all channels of a position together")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _check_pixels("salt and pepper", self.per, spec)
        if spec.input.range is None:
            yield Remark("salt and pepper are the ends of the range, and none is declared", NO_RANGE)
        yield from _warn_of_zero("salt and pepper", self.p, "p")
        yield from _warn_of_one("salt and pepper", self.p)

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import SaltAndPepper

        if range is None:
            raise ValueError("salt_and_pepper needs the range of the data")
        return scheduled(SaltAndPepper(range=range, per_pixel=self.per == "pixel"), p=self.p)


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
    value: float = Field(0.0, description="the value inside it, in data units")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        try:
            _, sides = grid(spec.input.shape)
        except ShapeError as error:
            yield Remark(str(error), 'a vector has no blocks: use "mask"')
            return
        if self.size > min(sides):
            message = f"a block of {self.size} does not fit into {text(sides)}"
            yield Remark(message, f"size = {min(sides)} at most", at="size")
        elif self.size == max(sides):
            message = f"a block of {self.size} hides all of {text(sides)}"
            yield Remark(message, f"size = {self.size // 2 or 1}, or less", "warning", at="size")
        yield from _warn_outside("a block", self.value, spec)

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import Block

        return Block(self.size, value=self.value)


class HideSpec(CorruptionSpec):
    """Hide the values that a field of the samples leaves out: they become 0 in the model's units, in training.

    Of standardized data that is the mean. The field is 1 where a value stays, and 0 where it is hidden.

    Example:
        input = [8]
        fields.kept = {shape = [8]}

        [[corruption]]
        type = "hide"
        on = "fields.kept"
    """

    type: Literal["hide"] = "hide"
    on: str = Field(pattern=r"^fields\.", description="the field that is 0 where a value is hidden: `fields.kept`")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        for name in self.reads_fields() & spec.fields.keys():
            shape, over = spec.fields[name].sample_shape, spec.input.shape
            if len(shape) != len(over) or any(a not in (1, b) for a, b in zip(shape, over, strict=True)):
                message = f"{self.on} is {text(shape) or 'a class'}, and says of values {text(over)} which of them stay"
                yield Remark(message, f"{self.on}.shape = {list(over)}", code="AZ532", at="on")

    def build(self, shape: Shape, range: Range | None) -> nn.Module:
        from aezoo.nn.corruption import Hide

        return Hide(*self.reads_fields())
