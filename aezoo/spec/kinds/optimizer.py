"""Optimizers: how weights move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field, field_validator

from aezoo.spec.component import Component, as_tuple
from aezoo.spec.contracts import value_of
from aezoo.spec.kinds.parameter_group import ParameterGroupSpec
from aezoo.spec.kinds.schedule import ConstantSpec, ScheduleSpec

Groups = Annotated[tuple[ParameterGroupSpec, ...], BeforeValidator(as_tuple)]

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class OptimizerSpec(Component):
    """How weights move."""

    kind: ClassVar[str] = "optimizer"
    #: Whether its weights can be in groups with rates of their own; a line search has one length of step for all.
    divisible: ClassVar[bool] = True
    #: Fields with a learning rate. A group of what `build` gives follows another than `lr` if it has that name under
    #: `follows`.
    rates: ClassVar[tuple[str, ...]] = ("lr",)
    lr: ScheduleSpec = Field(ConstantSpec(value=1e-3), description="learning rate; a number or a schedule")
    groups: Groups = Field(
        (),
        exclude_if=lambda groups: not groups,  # documents of specs without groups stay as they are
        description="weights with a rate or a decay of their own; each is in the first that it meets the conditions of",
    )

    @field_validator("groups")
    @classmethod
    def _possible(cls, groups: tuple[ParameterGroupSpec, ...]) -> tuple[ParameterGroupSpec, ...]:
        if groups and not cls.divisible:
            raise ValueError(f"{cls.tag()} has one step for all weights: leave 'groups' out, or take another optimizer")
        if "weight_decay" not in cls.model_fields and any(group.weight_decay is not None for group in groups):
            raise ValueError(f"{cls.tag()} has no weight_decay: leave it out, or take another optimizer")
        return groups

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
        """How strongly it pulls weights to zero, at most: by its field `weight_decay`, if it has one, or a group's."""
        groups = (group.weight_decay or 0.0 for group in self.groups)
        return float(max(getattr(self, "weight_decay", 0.0), *groups, 0.0))

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        """The optimizer over these parameters, fused where torch offers it."""
        raise NotImplementedError
