"""Optimizers: how weights move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from aezoo.spec.component import Component
from aezoo.spec.contracts import value_of
from aezoo.spec.kinds.schedule import ConstantSpec, ScheduleSpec

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class OptimizerSpec(Component):
    """How weights move."""

    kind: ClassVar[str] = "optimizer"
    lr: ScheduleSpec = Field(ConstantSpec(value=1e-3), description="learning rate; a number or a schedule")

    @field_validator("lr")
    @classmethod
    def _downhill(cls, lr: ScheduleSpec) -> ScheduleSpec:
        if min(lr.bounds() or (value_of(lr, 0, 1), value_of(lr, 2**62, 1))) < 0:
            raise ValueError("a learning rate is 0 or more, from first to last")
        return lr

    def state(self) -> int | None:
        """How many values it keeps for each weight from step to step, at most; None if it does not say."""
        return None

    def decay(self) -> float:
        """How strongly it pulls weights to zero: its field `weight_decay`, if it has one."""
        return float(getattr(self, "weight_decay", 0.0))

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        """The optimizer over these parameters, fused where torch offers it."""
        raise NotImplementedError
