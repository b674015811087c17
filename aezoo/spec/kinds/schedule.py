"""Schedules: numbers that change with the step, and the constant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar, Literal

from pydantic import Field, GetCoreSchemaHandler, SerializerFunctionWrapHandler, model_serializer
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from aezoo.spec.component import Component, Range
from aezoo.spec.contracts import value_of


class ScheduleSpec(Component):
    """A number that changes with the step; a plain number is short for a constant."""

    kind: ClassVar[str] = "schedule"

    @classmethod
    def expand(cls, value: Any) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return ConstantSpec(value=value)
        return super().expand(value)

    def value(self, step: int, steps: int) -> float:
        """The number at `step` (from 0) of a run of `steps`."""
        raise NotImplementedError

    def bounds(self) -> Range | None:
        """Between what its numbers lie, however long the run; None if it does not say."""
        return None

    @property
    def constant(self) -> float | None:
        """Its number, if it is the same at every step; else None."""
        least, most = self.bounds() or (-inf, inf)
        return least if least == most else None


# It stands here, beside its base, so that a plain number needs no registry: weights and rates default to one.
class ConstantSpec(ScheduleSpec):
    """The same number at every step; written as the bare number it is.

    Example:
        [regularizers.kl]
        weight = 0.5
    """

    type: Literal["constant"] = "constant"
    number: float = Field(alias="value", description="the number")

    @model_serializer(mode="wrap")
    def _write(self, handler: SerializerFunctionWrapHandler) -> Any:
        return self.number

    def value(self, step: int, steps: int) -> float:
        return self.number

    def bounds(self) -> Range:
        return self.number, self.number


@dataclass(frozen=True)
class Within:
    """Bounds of a field that takes a schedule: `Annotated[ScheduleSpec, Within(gt=0)]`.

    A schedule that says no `bounds` is held to them at its first and its last step.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.hold, handler(source))

    def hold(self, schedule: ScheduleSpec) -> ScheduleSpec:
        """The schedule, if its numbers stay within the bounds.

        Raises:
            PydanticCustomError: They do not.
        """
        ends = schedule.bounds() or (value_of(schedule, 0, 1), value_of(schedule, 2**62, 2**62))
        for outside, takes in self._refusals(min(ends), max(ends)):
            reached = "" if schedule.constant is not None else f", and the schedule gets to {outside:g}"
            raise PydanticCustomError("within", "{message}", {"message": f"takes {takes}{reached}"})
        return schedule

    def _refusals(self, least: float, most: float) -> Iterator[tuple[float, str]]:
        """The numbers that are out of bounds, each with what it should be."""
        if self.ge is not None and least < self.ge:
            yield least, f"{self.ge:g} or more"
        if self.gt is not None and least <= self.gt:
            yield least, f"more than {self.gt:g}"
        if self.le is not None and most > self.le:
            yield most, f"{self.le:g} or less"
        if self.lt is not None and most >= self.lt:
            yield most, f"less than {self.lt:g}"
