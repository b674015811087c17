"""Schedules: numbers that change with the step, and the constant."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from aezoo.spec.component import Component, Range


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
