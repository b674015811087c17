"""Schedules beside ramps: numbers that change with the step, by cycles, by factors, by jumps."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import model_validator

from aezoo.builtins.ramps import progress
from aezoo.plugin import Field, Floats, Ints, Range, ScheduleSpec


class WarmupSpec(ScheduleSpec):
    """Rise in a straight line to where another schedule starts, then follow that for the rest of the run.

    Example:
        [training.optimizer]
        type = "adam"
        lr = {type = "warmup", steps = 200, then = {type = "exponential", start = 1e-3, end = 1e-5}}
    """

    type: Literal["warmup"] = "warmup"
    steps: int = Field(ge=1, description="length of the rise")
    then: ScheduleSpec = Field(description="what follows: a number or a schedule, from its first step on")

    def value(self, step: int, steps: int) -> float:
        rest = max(1, steps - self.steps)
        if step < self.steps:
            # Not from zero: a first step of rate zero would be wasted.
            return self.then.value(0, rest) * (step + 1) / (self.steps + 1)
        return self.then.value(step - self.steps, rest)

    def bounds(self) -> Range | None:
        if (ends := self.then.bounds()) is None:
            return None
        # It starts at a share of a number between these ends, on the same side of zero.
        shares = ends[0] / (self.steps + 1), ends[1] / (self.steps + 1)
        return min(*ends, *shares), max(*ends, *shares)


class OneCycleSpec(ScheduleSpec):
    """Rise along half a cosine to a peak, then fall along another to near 0: one cycle (arXiv:1708.07120).

    Example:
        [training.optimizer]
        type = "adam"
        lr = {type = "one_cycle", peak = 1e-2}
    """

    type: Literal["one_cycle"] = "one_cycle"
    peak: float = Field(description="the largest number")
    rise: float = Field(0.3, gt=0, lt=1, description="share of the run in which it rises")
    start: float = Field(0.04, ge=0, le=1, description="the first number, as a share of the peak")
    end: float = Field(4e-6, ge=0, le=1, description="the last number, as a share of the peak")

    def value(self, step: int, steps: int) -> float:
        last, top = max(1, steps - 1), max(0.0, self.rise * steps - 1)
        if step < top:
            low, share = self.start, step / top
        else:
            low, share = self.end, (last - min(step, last)) / (last - top)
        return self.peak * (low + (1 - low) * 0.5 * (1 - math.cos(math.pi * share)))

    def bounds(self) -> Range:
        ends = self.peak, self.peak * self.start, self.peak * self.end
        return min(ends), max(ends)


class ExponentialSpec(ScheduleSpec):
    """Change from one positive number to another by the same factor each step: start^(1 - t) end^t, t from 0 to 1.

    Example:
        [training.optimizer]
        type = "adam"
        lr = {type = "exponential", start = 1e-3, end = 1e-5}
    """

    type: Literal["exponential"] = "exponential"
    start: float = Field(gt=0, description="the first number")
    end: float = Field(gt=0, description="the number after `steps`")
    steps: int | None = Field(None, ge=1, description="length of the change in steps; by default the whole run")

    def value(self, step: int, steps: int) -> float:
        share = progress(step, steps, span=self.steps)
        # Not start * (end / start)**share, which misses `end` by a rounding.
        value: float = self.start ** (1 - share) * self.end**share
        return value

    def bounds(self) -> Range:
        return min(self.start, self.end), max(self.start, self.end)


class CyclicalSpec(ScheduleSpec):
    """Rise and stay, several times over: against posterior collapse (arXiv:1903.10145, section 3.2).

    Example:
        [regularizers.kl.weight]
        type = "cyclical"
        end = 1.0
        cycles = 4
        ratio = 0.5
    """

    type: Literal["cyclical"] = "cyclical"
    start: float = Field(0.0, description="the number at the start of each cycle")
    end: float = Field(1.0, description="the number at the end of each rise")
    cycles: int = Field(4, ge=1, description="how many cycles the run has")
    ratio: float = Field(0.5, gt=0, le=1, description="share of a cycle in which it rises")

    def value(self, step: int, steps: int) -> float:
        if step >= steps:
            return self.end
        within = (step * self.cycles / max(1, steps)) % 1.0
        return self.start + (self.end - self.start) * min(1.0, within / self.ratio)

    def bounds(self) -> Range:
        return min(self.start, self.end), max(self.start, self.end)


class PiecewiseSpec(ScheduleSpec):
    """Jump from one number to the next at given steps.

    Example:
        [training.optimizer]
        type = "adam"
        lr = {type = "piecewise", values = [1e-3, 1e-4, 1e-5], at = [10000, 20000]}
    """

    type: Literal["piecewise"] = "piecewise"
    values: Floats = Field(description="the numbers, in order")
    at: Ints = Field(description="steps at which the next number begins, one fewer than the numbers")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.values) != len(self.at) + 1:
            raise ValueError(f"{len(self.values)} values need {len(self.values) - 1} steps in 'at', got {len(self.at)}")
        if list(self.at) != sorted(set(self.at)) or min(self.at, default=1) < 1:
            raise ValueError(f"'at' takes rising steps from 1 on, got {list(self.at)}")
        return self

    def value(self, step: int, steps: int) -> float:
        return self.values[sum(step >= jump for jump in self.at)]

    def bounds(self) -> Range:
        return min(self.values), max(self.values)
