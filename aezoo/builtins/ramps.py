"""Ramps: numbers that change once with the step and then stay, the schedules of most specs."""

from __future__ import annotations

import math
from typing import Literal

from aezoo.plugin import Field, Range, ScheduleSpec


def progress(step: int, steps: int, *, delay: int = 0, span: int | None = None) -> float:
    """Share of `span` steps (the rest of the run if None) that are done after `delay`, from 0 to 1."""
    length = max(1, steps - delay if span is None else span)
    return min(1.0, max(0.0, (step - delay) / length))


class LinearScheduleSpec(ScheduleSpec):
    """Change from one number to another in a straight line, then stay: a warm-up, a decay.

    Example:
        [regularizers.kl.weight]
        type = "linear"
        start = 0.0
        end = 1.0
        steps = 5000
    """

    type: Literal["linear"] = "linear"
    start: float = Field(0.0, description="the number until `delay`")
    end: float = Field(1.0, description="the number after `steps`")
    steps: int | None = Field(None, ge=1, description="length of the change in steps; by default the rest of the run")
    delay: int = Field(0, ge=0, description="steps before the change begins")

    def value(self, step: int, steps: int) -> float:
        return self.start + (self.end - self.start) * progress(step, steps, delay=self.delay, span=self.steps)

    def bounds(self) -> Range:
        return min(self.start, self.end), max(self.start, self.end)


class CosineSpec(ScheduleSpec):
    """Fall along half a cosine, after a linear warm-up (arXiv:1608.03983, without its restarts).

    end + (start - end) (1 + cos(pi t)) / 2, where t goes from 0 to 1.

    Example:
        [training.optimizer]
        type = "adam"
        lr = {type = "cosine", start = 1e-3, end = 1e-5, warmup = 200}
    """

    type: Literal["cosine"] = "cosine"
    start: float = Field(description="the number after the warm-up")
    end: float = Field(0.0, description="the number after `steps`")
    steps: int | None = Field(
        None, ge=1, description="length of the decay after the warm-up, in steps; by default the rest of the run"
    )
    warmup: int = Field(0, ge=0, description="steps in which it rises to `start`")

    def value(self, step: int, steps: int) -> float:
        if step < self.warmup:
            # Not from zero: a first step of rate zero would be wasted.
            return self.start * (step + 1) / (self.warmup + 1)
        share = progress(step, steps, delay=self.warmup, span=self.steps)
        return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * share))

    def bounds(self) -> Range:
        ends = self.start, self.end, self.start / (self.warmup + 1)
        return min(ends), max(ends)
