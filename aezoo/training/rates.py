"""Learning rates: those of an optimizer's groups, at each step.

rate of a group = schedule(step) * factor of the group * scale * share, where the scale is lowered by what validation
says, and the share by a run that went back from a loss that was not finite
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch.optim import Optimizer

from aezoo.modules.output_checks import curve
from aezoo.nn.schedule_buffers import Curve
from aezoo.spec.kinds import OptimizerSpec


class _Rate(NamedTuple):
    """The rate of one group of an optimizer, and whether it changes with the step."""

    curve: Curve
    factor: float
    moves: bool


class Rates:
    """The rates of an optimizer's groups.

    Args:
        declared: The optimizer's schedule, and what its groups say.
        order: The declared group of each group that the optimizer has; None for the optimizer's own.
        steps: Length of the run.
        follows: The field whose schedule each of these follows, unless its declared group has one; all `lr`, if empty.
    """

    def __init__(
        self, declared: OptimizerSpec, order: Sequence[int | None] = (None,), *, steps: int, follows: Sequence[str] = ()
    ) -> None:
        self.steps = steps
        self.scale = self.share = 1.0
        fields = follows or ["lr"] * len(order)
        self._divided = bool(declared.groups) or any(field != "lr" for field in fields)
        self._rates = [_rate(declared, owner, field) for owner, field in zip(order, fields, strict=True)]
        self.values = [self._at(i, 0) for i in range(len(self._rates))]
        # A constant is set once: an optimizer may change its rate itself, and nothing is written over that.
        self._moving = [i for i, rate in enumerate(self._rates) if rate.moves]

    def begin(self, optimizer: Optimizer) -> None:
        """Give an optimizer the rates of its first step, where groups have their own."""
        for group, rate in zip(optimizer.param_groups, self.values, strict=True):
            if self._divided:
                group["lr"] = rate

    def set(self, optimizer: Optimizer, step: int) -> None:
        """Give an optimizer the rates of a step; one that is what it was is not set again."""
        for i in self._moving:
            self._set(optimizer, i, step)

    def rescale(self, optimizer: Optimizer, scale: float, step: int) -> None:
        """Multiply all rates by another number from this step on."""
        self.scale = scale
        for i in range(len(self._rates)):
            self._set(optimizer, i, step)

    def slow_down(self, optimizer: Optimizer, share: float, step: int) -> None:
        """Take only this share of all rates from this step on."""
        if share != self.share:
            self.share = share
            self.rescale(optimizer, self.scale, step)

    def _set(self, optimizer: Optimizer, i: int, step: int) -> None:
        rate = self._at(i, step)
        if rate != self.values[i]:
            self.values[i] = optimizer.param_groups[i]["lr"] = rate

    def _at(self, i: int, step: int) -> float:
        rate = self._rates[i]
        return rate.curve(step, self.steps) * rate.factor * self.scale * self.share

    def state(self) -> dict[str, Any]:
        """The rates as they were set last, their scale and their share."""
        return {"values": self.values, "scale": self.scale, "share": self.share}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; the optimizer's own state has the rates."""
        self.values, self.scale, self.share = list(state["values"]), state["scale"], state["share"]


def followed(optimizer: Optimizer) -> list[str]:
    """The field of its declaration whose schedule each of its groups follows: what it says under `follows`, or `lr`."""
    return [group.get("follows", "lr") for group in optimizer.param_groups]


def _rate(declared: OptimizerSpec, owner: int | None, field: str) -> _Rate:
    group = None if owner is None else declared.groups[owner]
    schedule = group.lr if group and group.lr is not None else getattr(declared, field)
    factor = 1.0 if group is None or group.factor is None else group.factor
    return _Rate(curve(schedule), factor, schedule.constant is None)
