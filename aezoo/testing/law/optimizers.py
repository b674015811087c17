"""Laws of optimizers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from aezoo.spec.kinds import OptimizerSpec
from aezoo.testing.law.adapters import generator
from aezoo.testing.law.definition import law
from aezoo.testing.law.under_test import PartUnderTest

#: Steps in which an optimizer has to get lower.
STEPS = 50


@law(
    "L52",
    "optimizer",
    says=f"{STEPS} steps at the default rate lower a quadratic.",
    hint="look at the sign of the step, and at whether the rate that is given arrives",
)
def descends(tested: PartUnderTest) -> Iterator[str]:
    for part in _optimizers(tested):
        losses = _descent(part)[0]
        if not losses[-1] < losses[0]:
            yield f"{part!r}: |x|^2 / 2 goes from {losses[0]:.4g} to {losses[-1]:.4g}"


@law(
    "L53",
    "optimizer",
    says="An optimizer keeps no more values for a weight than it declares.",
    hint="let `state()` say how many: the memory of a run is computed from it",
)
def remembers(tested: PartUnderTest) -> Iterator[str]:
    for part in _optimizers(tested):
        declared = part.state()
        values = sum(_tensor_values(value) for value in _descent(part)[1].state.values()) / 64
        if declared is not None and values > declared + 0.5:
            yield f"{part!r}: it keeps {values:.1f} values for a weight, and declares {declared}"


def _optimizers(tested: PartUnderTest) -> list[OptimizerSpec]:
    optimizers = dict.fromkeys(part for _, _, part in tested.occurrences)
    return [part for part in optimizers if min(part.lr.bounds() or (0.0,)) > 0 and part.decay() == 0]


def _descent(part: OptimizerSpec) -> tuple[list[float], Any]:
    """The losses of a descent of |x|^2 / 2 from 64 values, at the rate of the part's class, and its optimizer."""
    x = torch.randn(64, generator=generator(0)).requires_grad_()
    default = type(part).model_fields["lr"].default
    optimizer = part.build([x], lr=default.value(0, STEPS))
    losses: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = x.square().sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.item())
        return loss

    for _ in range(STEPS):
        optimizer.step(closure)  # type: ignore[arg-type]
    return [*losses, x.detach().square().sum().item() / 2], optimizer


def _tensor_values(value: Any) -> int:
    """Values in the tensors of an optimizer's state, without tensors of one number."""
    if isinstance(value, Tensor):
        return value.numel() if value.numel() > 1 else 0
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return sum(map(_tensor_values, items))


LAWS = [descends, remembers]
