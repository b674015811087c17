"""Running means of the terms of a stack, read into the meters of its runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aezoo.stacking.passes import StackedLosses
from aezoo.training.meter import Meter


class StackedMeter:
    """Running means of the terms of all runs; their sums stay on the device until they are read.

    Args:
        meters: Of each run: `read` gives each what it would have added up alone.
        weighted: Of each run, the terms that it has a weight for.
    """

    def __init__(self, meters: Sequence[Meter], weighted: Sequence[frozenset[str]]) -> None:
        self.meters = meters
        self.weighted = weighted
        self.clear()

    def clear(self) -> None:
        self.names: list[str] = []
        self.sums: Tensor | None = None  # [columns, k]
        self.pending: list[Tensor] = []
        self.count = 0

    def add(self, losses: StackedLosses, *, rows: int = 1) -> None:
        """Add one batch of each run."""
        columns = {"total": losses.total}
        for name, value in losses.raw.items():
            columns[name] = value
            if losses.weighted[name] is not value:
                columns[f"{name}.weighted"] = losses.weighted[name]
        self.names = [*columns]
        values = [value.detach() for value in columns.values()]
        self.pending += values if rows == 1 else [value * rows for value in values]
        self.count += rows
        if len(self.pending) >= Meter.FOLD * len(self.names):
            self._fold()

    def _fold(self) -> None:
        if not self.pending:
            return
        sums = torch.stack(self.pending).view(-1, len(self.names), len(self.meters)).sum(0, dtype=torch.float64)
        self.sums = sums if self.sums is None else self.sums + sums
        self.pending.clear()

    def take(self) -> None:
        """Go on from what the meters of the runs have added up."""
        self.clear()
        if not self.meters[0].count:
            return
        for meter in self.meters:
            meter.means()  # sums what is pending
        names = dict.fromkeys(name for meter in self.meters for name in meter.names)
        self.names, self.count = [*names], self.meters[0].count
        self.sums = torch.stack([torch.stack([_column(meter, name) for name in names]) for meter in self.meters], 1)

    def read(self) -> None:
        """Give the meter of each run its sums so far."""
        self._fold()
        for i, (meter, weighted) in enumerate(zip(self.meters, self.weighted, strict=True)):
            meter.clear()
            if self.sums is None:
                continue
            kept = [at for at, name in enumerate(self.names) if _belongs(name, weighted)]
            meter.names, meter.sums, meter.count = [self.names[at] for at in kept], self.sums[kept, i], self.count


def _belongs(name: str, weighted: frozenset[str]) -> bool:
    """Whether a run that has weights for these terms has such a column."""
    return not name.endswith(".weighted") or name.removesuffix(".weighted") in weighted


def _column(meter: Meter, name: str) -> Tensor:
    assert meter.sums is not None
    known = name if name in meter.names else name.removesuffix(".weighted")
    return meter.sums[meter.names.index(known)]
