"""Running means of loss terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from aezoo.nn.objective import Losses

Means = dict[str, float]


class Meter:
    """Running means of all terms. Sums stay on the device until `means()`: reading one would wait for the device."""

    #: Batches whose values are collected before they are summed: one stack costs less than an addition at every step.
    FOLD = 64

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.names: list[str] = []
        self.sums: Tensor | None = None
        self.pending: list[Tensor] = []
        self.count = 0

    def add(self, losses: Losses, *, rows: int = 1) -> None:
        """Add one batch; `rows` weighs it (a validation split's last batch is smaller)."""
        if not self.names:
            self.names = list(_names(losses))
        values = [losses.total.detach()]
        for name, value in losses.raw.items():
            values.append(value.detach())
            weighted = losses.weighted[name]
            if weighted is not value:
                values.append(weighted.detach())
        self.pending += values if rows == 1 else [value * rows for value in values]
        self.count += rows
        if len(self.pending) >= self.FOLD * len(self.names):
            self._fold()

    def _fold(self) -> None:
        self.sums = self._summed()
        self.pending.clear()

    def _summed(self) -> Tensor | None:
        if not self.pending:
            return self.sums
        # float64: thousands of large terms summed in float32 would lose digits of the mean.
        sums = torch.stack(self.pending).view(-1, len(self.names)).sum(0, dtype=torch.float64)
        return sums if self.sums is None else self.sums.to(sums.device) + sums

    def means(self) -> Means:
        """The means so far; this waits for the device."""
        self._fold()
        return self._over_count(self.sums)

    def peek(self) -> Means:
        """The means so far, without a trace of having been read: sums in another order round in another way.

        To be read at a moment that the clock chooses, which may not change a digit of later means.
        """
        return self._over_count(self._summed())

    def state(self) -> dict[str, Any]:
        """What it has added up, and the values of the batches since."""
        pending = torch.stack(self.pending) if self.pending else None
        return {"names": self.names, "sums": self.sums, "pending": pending, "count": self.count}

    def restore(self, state: Mapping[str, Any], device: torch.device | None = None) -> None:
        """Go on from what `state` gave, on the device that further losses come from; by default where it is."""
        self.names, self.count = list(state["names"]), state["count"]
        self.sums = None if state["sums"] is None else state["sums"].clone()
        self.pending = [] if state["pending"] is None else list(state["pending"].to(device, copy=True).unbind())

    def _over_count(self, sums: Tensor | None) -> Means:
        return {} if sums is None else dict(zip(self.names, (sums / self.count).tolist(), strict=True))


def _names(losses: Losses) -> Iterator[str]:
    """`total`, each raw term by its name, and `name.weighted` where a weight was applied."""
    yield "total"
    for name, value in losses.raw.items():
        yield name
        if losses.weighted[name] is not value:
            yield f"{name}.weighted"
