"""Shares: the batches of a split as several processes share them.

The samples of a batch follow from seed, epoch and step alone, and each process takes a stretch of them: together they
have the batch of one process, whatever their number. Of a batch in micro-batches each takes a stretch of every one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from aezoo.data.batches import Batch, Batches
from aezoo.data.reading_ahead import read_ahead
from aezoo.nn.code import Output
from aezoo.nn.distributed import Layout, alone, dealt, sharing
from aezoo.nn.row_noise import RowNoise
from aezoo.nn.whole_output import WholeOutput

T = TypeVar("T")


class Share(Batch):
    """The samples of a batch that one process has.

    Attributes:
        layouts: How the batch, or each micro-batch of it, is dealt out; None where every process has all of it.
    """

    layouts: Sequence[tuple[int, Layout | None]]

    @classmethod
    def of(cls, batch: Batch, layouts: Sequence[tuple[int, Layout | None]]) -> Share:
        """A share of so many samples in all, and how they are dealt out."""
        share = cls(*batch)
        share.layouts = layouts
        return share

    @property
    def rows(self) -> int:
        """How many samples all processes have."""
        return sum(total for total, _ in self.layouts)

    def parted(self, most: int) -> Sequence[Batch]:
        """Its part of each micro-batch: the batch was dealt out so."""
        parts, start = [], 0
        for total, layout in self.layouts:
            stop = start + (layout.rows if layout else total)
            parts.append(Share.of(self.stretch(start, stop), [(total, layout)]))
            start = stop
        return parts

    def losses(self, objective: Callable[..., T], player: str, step: int, noise: object) -> T:
        """This process's part of the losses: the mean over processes is what one of them would have."""
        ((_, layout),) = self.layouts
        if layout is None:
            return objective(self.x, player, step, noise, self.fields)
        with sharing(layout), RowNoise():
            return objective(self.x, player, step, noise, self.fields, _Caller(layout))


def first_row(batch: Batch) -> int:
    """The place of its first sample in the batch that several processes share."""
    layout = batch.layouts[0][1] if isinstance(batch, Share) else None
    return layout.start if layout else 0


class _Caller:
    """Calls the terms of an objective: a mean over samples with those of this process, any other with all.

    Args:
        layout: Of the batch.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.factor = len(layout.sizes) * layout.rows / layout.total
        self.whole: WholeOutput | None = None

    def __call__(self, term: Callable[..., Any], out: Output, *names: str) -> Any:
        if getattr(term, "by_sample", False):
            return self._weighed(term(out, *names))
        if self.whole is None:
            self.whole = WholeOutput.of(out, self.layout)
        with alone():
            return term(self.whole, *names)

    def _weighed(self, values: Any) -> Any:
        """Where shares are not of one size, the mean over processes is to be that over samples."""
        if self.factor == 1:
            return values
        if isinstance(values, Mapping):
            return {name: value * self.factor for name, value in values.items()}
        return values * self.factor


class SharedBatches(Batches):
    """The batches of one split, of which each process gathers its share.

    Args:
        batches: Of the split.
        rank: Of this process.
        size: How many processes there are.
        micro_batch: Samples of a pass at most, of all processes together; None for whole batches.
    """

    def __init__(self, batches: Batches, *, rank: int, size: int, micro_batch: int | None = None) -> None:
        self.__dict__.update(vars(batches))
        self.rank, self.size, self.micro_batch = rank, size, micro_batch

    def epoch(self, epoch: int, batch_size: int, seed: int, *, first: int = 0) -> Iterator[Batch]:
        """This process's share of each batch of one epoch."""
        parts = self.parts(epoch, batch_size, seed)[first:]
        return read_ahead(lambda part: self.share(part, self.micro_batch), parts, self._workers)

    def sequential(self, batch_size: int, *, transient: bool = False) -> Iterator[Batch]:
        """Its share of each batch, in order; a batch may always be kept."""
        rows = torch.arange(len(self), device=self._values.device)
        return read_ahead(self.share, torch.split(rows, batch_size) if len(rows) else (), self._workers)

    def share(self, indices: Tensor, most: int | None = None) -> Share:
        """This process's share of the batch of these samples."""
        layouts, own, start = [], [], 0
        for total in _parts(len(indices), most):
            layout = dealt(total, self.rank, self.size)
            first, rows = (layout.start, layout.rows) if layout else (0, total)
            own.append(indices[start + first : start + first + rows])
            layouts.append((total, layout))
            start += total
        return Share.of(self.gather(own[0] if len(own) == 1 else torch.cat(own)), layouts)


def _parts(rows: int, most: int | None) -> list[int]:
    """The sizes of the micro-batches of a batch, as `Batch.parted` makes them."""
    count = -(-rows // (most or rows))
    ends = [rows * i // count for i in range(count + 1)]
    return [stop - start for start, stop in zip(ends, ends[1:], strict=False)]
