"""Running means of loss terms."""

from __future__ import annotations

from collections.abc import Iterator

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
        if not self.pending:
            return
        # float64: thousands of large terms summed in float32 would lose digits of the mean.
        sums = torch.stack(self.pending).view(-1, len(self.names)).sum(0, dtype=torch.float64)
        self.sums = sums if self.sums is None else self.sums + sums
        self.pending.clear()

    def means(self) -> Means:
        """The means so far; this waits for the device."""
        self._fold()
        if self.sums is None:
            return {}
        return dict(zip(self.names, (self.sums / self.count).tolist(), strict=True))


def _names(losses: Losses) -> Iterator[str]:
    """`total`, each raw term by its name, and `name.weighted` where a weight was applied."""
    yield "total"
    for name, value in losses.raw.items():
        yield name
        if losses.weighted[name] is not value:
            yield f"{name}.weighted"
