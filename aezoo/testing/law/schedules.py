"""Laws of schedules, and of fields that take one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from aezoo.nn.schedule_buffers import changes
from aezoo.spec.kinds import KINDS, ScheduleSpec
from aezoo.spec.slots import slots_in
from aezoo.testing.law.adapters import adapters_of
from aezoo.testing.law.definition import MODULES, law
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


class Asked(ScheduleSpec):
    """A schedule of one number that notes the steps it is asked for."""

    type: Literal["asked"] = "asked"
    number: float = 0.0
    steps: ClassVar[list[int]] = []

    def value(self, step: int, steps: int) -> float:
        self.steps.append(step)
        return self.number


@law(
    "L58",
    *MODULES,
    "regularizer",
    says="A field that takes a schedule has the number of the step at each pass of a run.",
    hint="let `build()` end in `return scheduled(module, field=self.field)`, and read `self.field` in `forward`",
)
def followed(tested: PartUnderTest) -> Iterator[str]:
    own = [name for name, field in tested.part.model_fields.items() if "schedule" in slots_in(field.annotation)]
    names = [name for name in own if name not in KINDS[tested.kind].model_fields]  # a weight is applied elsewhere
    for adapter in adapters_of(tested) if names else ():
        for name in names:
            part = adapter.part.model_copy(update={name: Asked(number=_first(getattr(adapter.part, name)))})
            module = type(adapter)(part, adapter.spec, adapter.shape).build()
            Asked.steps.clear()
            for change in changes(module.modules()):
                change(3, 10)
            if Asked.steps != [3]:
                yield f"{adapter}: `{name}` is asked for {Asked.steps or 'no step'} before the pass of step 3"


def _first(value: Any) -> float:
    if isinstance(value, ScheduleSpec):
        return value.value(0, 1)
    return float(value[0] if isinstance(value, tuple) else value)


LAWS = [finite, followed]
