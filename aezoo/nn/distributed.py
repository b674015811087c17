"""Numbers of a batch that several processes share, each with samples of its own.

A module that is trained in several processes must have the state and the gradients of one process with all the samples:
sums and counts are added up before a mean is taken of them. With one process the functions give back what they are
given, and cost a look-up.

`aezoo train` under torchrun says how a batch is dealt out (`sharing`), and where every process has all of it (`alone`).
Trained by other means, the group of `torch.distributed` counts, wherever there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Layout(NamedTuple):
    """How the samples of a batch are dealt out: each process has a stretch of them, in the order of the processes.

    Attributes:
        sizes: How many samples each process has, at least one.
        rank: Of this process.
    """

    sizes: tuple[int, ...]
    rank: int

    @property
    def rows(self) -> int:
        """Samples of this process."""
        return self.sizes[self.rank]

    @property
    def start(self) -> int:
        """Where they begin."""
        return sum(self.sizes[: self.rank])

    @property
    def total(self) -> int:
        """Samples of all."""
        return sum(self.sizes)


def dealt(total: int, rank: int, size: int) -> Layout | None:
    """How so many samples are dealt out: in stretches of one size, or one more; None if there are too few for all."""
    if total < size:
        return None
    ends = [total * process // size for process in range(size + 1)]
    return Layout(tuple(stop - start for start, stop in zip(ends, ends[1:], strict=False)), rank)


class _State:
    """What holds within `sharing`, `alone` and `together`: this process computes in one thread."""

    layout: Layout | None = None
    is_alone = False
    team: tuple[int, int] | None = None


@contextmanager
def together(rank: int, size: int) -> Iterator[None]:
    """Within, the work of this process is shared with others: see `team`."""
    _State.team = rank, size
    try:
        with alone():
            yield
    finally:
        _State.team = None


@contextmanager
def by_itself() -> Iterator[None]:
    """Within, this process of a team does some work that the others do not."""
    before, _State.team = _State.team, None
    try:
        with alone():
            yield
    finally:
        _State.team = before


def team() -> tuple[int, int] | None:
    """The place of this process among those that share its work, and their number; None where it works alone.

    All of them make the same calls in the same order, and get the same results.
    """
    return _State.team


def join_rows(result: Tensor) -> None:
    """Bring together, in place, what the processes of a team have filled in, each other rows of zeros."""
    if result.numel():
        # As bytes: a sum of them with zeros is exact, be they of floats, integers or -0.0.
        sys.modules["torch.distributed"].all_reduce(result.view(-1).view(torch.uint8))


@contextmanager
def sharing(layout: Layout) -> Iterator[None]:
    """Within, a batch is dealt out so."""
    with _set(layout, alone=False):
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Within, this process has all samples, as every other one: nothing is added up."""
    with _set(None, alone=True):
        yield


@contextmanager
def _set(layout: Layout | None, *, alone: bool) -> Iterator[None]:
    before = _State.layout, _State.is_alone
    _State.layout, _State.is_alone = layout, alone
    try:
        yield
    finally:
        _State.layout, _State.is_alone = before


def layout() -> Layout | None:
    """How the batch at hand is dealt out; None where this process has all of it, or nobody said how."""
    return _State.layout


def summed(values: Tensor) -> Tensor:
    """The sum over all processes of a sum or count over a batch, without a gradient.

    Shape:
        values: any -> the same
    """
    group = _group()
    if group is None:
        return values
    total = values.detach().clone(memory_format=torch.contiguous_format)
    group.all_reduce(total)
    return total


def summed_with_gradient(values: Tensor) -> Tensor:
    """The same with a gradient: that of the sum of all processes' losses.

    Shape:
        values: any -> the same
    """
    return values if _group() is None else _Sum.apply(values)  # type: ignore[no-untyped-call]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.layout = _State.layout
        return summed(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        with _set(ctx.layout, alone=False):  # it is called where nothing is dealt out any more
            return summed(gradient)


def of_first(values: Tensor) -> Tensor:
    """The values of the first process: of what is drawn, or starts from a batch.

    Shape:
        values: any -> the same
    """
    group = _group()
    if group is None:
        return values
    shared = values.detach().clone(memory_format=torch.contiguous_format)
    group.broadcast(shared, 0)
    return shared


def lowest(values: Tensor) -> Tensor:
    """The smallest of all processes, of each value, without a gradient.

    Shape:
        values: any -> the same
    """
    group = _group()
    if group is None:
        return values
    least = values.detach().clone(memory_format=torch.contiguous_format)
    group.all_reduce(least, op=group.ReduceOp.MIN)
    return least


def mean_of_all(mean: Tensor, count: int) -> Tensor:
    """The mean over the samples of all processes, of that over `count` of this one.

    Its gradient is that of this process's mean: gradients are averaged over processes.

    Shape:
        mean: any -> the same
    """
    if _group() is None:
        return mean
    share = torch.full_like(mean, count)
    return mean + (summed(mean * share) / summed(share) - mean).detach()


def count_of_all(values: Tensor) -> int:
    """Rows of all processes, of values that have so many for each sample."""
    return sum(_counts(values))


def rows_of_all(values: Tensor) -> Tensor:
    """The rows of all processes, in their order, without a gradient.

    Shape:
        values: [n, ...] -> [N, ...]
    """
    group = _group()
    if group is None:
        return values
    counts = _counts(values)
    # Of one size: not every backend takes others.
    padded = values.new_zeros(max(counts), *values.shape[1:])
    padded[: len(values)] = values.detach()
    parts = [torch.empty_like(padded) for _ in counts]
    group.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


def chosen_of_all(values: Tensor, rows: Tensor) -> Tensor:
    """Some rows of all processes, numbered through, without a gradient.

    Shape:
        values: [n, ...], rows: [k] -> [k, ...]
    """
    if _group() is None:
        return values[rows]
    counts = _counts(values)
    start = sum(counts[: _rank()])
    own = (rows >= start) & (rows < start + len(values))
    picked = values.detach()[(rows - start).clamp(0, len(values) - 1)]
    return summed(picked * own.view(-1, *(1 for _ in values.shape[1:])).to(values.dtype))


def _counts(values: Tensor) -> list[int]:
    """How many rows each process has."""
    if (dealt := _State.layout) is not None:
        return [size * len(values) // dealt.rows for size in dealt.sizes]
    group = _group()
    if group is None:
        return [len(values)]
    counts = torch.zeros(group.get_world_size(), dtype=torch.int64, device=values.device)
    counts[group.get_rank()] = len(values)
    group.all_reduce(counts)
    return counts.tolist()


def _rank() -> int:
    return _State.layout.rank if _State.layout else int(_group().get_rank())


def _group() -> Any:
    """`torch.distributed`, where several processes train; it is not imported for this."""
    if _State.is_alone:
        return None
    distributed = sys.modules.get("torch.distributed")
    return distributed if distributed and distributed.is_available() and distributed.is_initialized() else None
