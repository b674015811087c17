"""Plateau: learning rates that fall where validation gets no better.

All else that a rate follows is a function of the step. This is not: what it has seen is state, kept with the run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aezoo.spec.training import PlateauSpec
from aezoo.training.meter import Means


class Plateau:
    """The scale of all learning rates, by the values that were seen so far.

    As `torch.optim.lr_scheduler.ReduceLROnPlateau`, except that a value below zero, which a density may well give, is
    better by the same share of its size.

    Args:
        settings: How long it waits, and by what it lowers.
        best_by: The term that is watched; `total` where the last weights are kept.
    """

    def __init__(self, settings: PlateauSpec, best_by: str) -> None:
        self.settings = settings
        self.term = "total" if best_by == "last" else best_by
        self.scale = 1.0
        self.best = math.inf
        self.waited = 0
        self.resting = 0

    def scale_after(self, terms: Means) -> float:
        """The scale from here on, once a validation gave these terms."""
        value = terms[self.term]
        margin = self.settings.threshold * abs(self.best) if math.isfinite(self.best) else 0.0
        better = value < self.best - margin
        self.best = value if better else self.best
        self.waited = 0 if better else self.waited + 1
        if self.resting:
            self.resting, self.waited = self.resting - 1, 0
        if self.waited > self.settings.patience:
            self.scale = max(self.scale * self.settings.factor, self.settings.least)
            self.resting, self.waited = self.settings.cooldown, 0
        return self.scale

    def state(self) -> dict[str, Any]:
        """The scale, and what it has seen."""
        return {"scale": self.scale, "best": self.best, "waited": self.waited, "resting": self.resting}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.scale, self.best = state["scale"], state["best"]
        self.waited, self.resting = state["waited"], state["resting"]
