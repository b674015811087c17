"""Weights averaged over the run (Polyak and Juditsky 1992), and copies of the good ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from aezoo.training.distributed.parts import part_of

#: Steps between two updates: decay**STRIDE at every STRIDE-th step is the same average for an eighth of the cost.
STRIDE = 8


class Average:
    """The exponential moving average of a model's parameters.

    Args:
        model: Whose parameters are averaged; buffers are not, they have running means of their own.
        decay: Per step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.live: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        self.shadow = [p.detach().clone() for p in self.live]
        self.weight = 1 - decay**STRIDE
        self.begun = False

    @torch.no_grad()
    def update(self, step: int) -> None:
        """To be called after every step, with the number of steps done."""
        if step % STRIDE == 0:
            self.begun = True
            # Early on the average must not remember the initial weights longer than the run is old.
            torch._foreach_lerp_(self.shadow, self.live, max(self.weight, STRIDE / (step + STRIDE)))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model its averaged weights within, and its own again after; before the first update, its own."""
        if not self.begun:  # the shadow still has the initial weights
            yield
            return
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state(self) -> dict[str, Any]:
        """The averages, in the order of the model's parameters."""
        return {"shadow": self.shadow, "begun": self.begun}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        for shadow, value in zip(self.shadow, state["shadow"], strict=True):
            shadow.copy_(part_of(value, shadow))
        self.begun = state["begun"]

    @torch.no_grad()
    def _swap(self) -> None:
        for live, shadow in zip(self.live, self.shadow, strict=True):
            before = live.detach().clone()
            live.copy_(shadow)
            shadow.copy_(before)


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the state dict."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
