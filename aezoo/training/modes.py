"""Optimizers that train at other weights than those to be judged and kept, as schedule-free ones do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch.optim import Optimizer


@runtime_checkable
class TwoModes(Protocol):
    """An optimizer that gives its weights one value to learn at, and another to be used with."""

    param_groups: list[dict[str, Any]]

    def train(self) -> None: ...

    def eval(self) -> None: ...


def with_modes(optimizers: Iterable[Optimizer]) -> list[TwoModes]:
    """Those that have two modes."""
    return [optimizer for optimizer in optimizers if isinstance(optimizer, TwoModes)]


@contextmanager
def evaluating(optimizer: TwoModes) -> Iterator[None]:
    """Within, its weights are those to be used; after it, they are to the last bit those that it learns at.

    The way there and back by the optimizer's own arithmetic would round: a run would then depend on how often it is
    judged.
    """
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    kept = [p.detach().clone() for p in weights]
    optimizer.eval()
    try:
        yield
    finally:
        optimizer.train()
        with torch.no_grad():
            for weight, value in zip(weights, kept, strict=True):
                weight.copy_(value)
