"""Law of schedules."""

from __future__ import annotations

import math
from collections.abc import Iterator

from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import PartUnderTest

#: Lengths of a run for which schedules are asked.
RUNS = (1, 2, 10, 1000)


@law(
    "L51",
    "schedule",
    says="A schedule is a finite number at every step of any run, and after it, within the bounds that it declares.",
    hint="mind runs of one step and steps after the last; let `bounds()` hold the smallest and largest value",
)
def finite(tested: PartUnderTest) -> Iterator[str]:
    for part in dict.fromkeys(part for _, _, part in tested.occurrences):
        low, high = part.bounds() or (-math.inf, math.inf)
        slack = 1e-9 * max(1.0, *(abs(end) for end in (low, high) if not math.isinf(end)), 1.0)
        for steps in RUNS:
            for step in {0, 1, steps // 2, steps - 1, steps, 10 * steps}:
                value = part.value(step, steps)
                if not isinstance(value, (int, float)) or not math.isfinite(value):
                    yield f"{part!r}: {value!r} at step {step} of {steps}"
                elif not low - slack <= value <= high + slack:
                    yield f"{part!r}: {value:g} at step {step} of {steps}, declared are [{low:g}, {high:g}]"


LAWS = [finite]
