"""Batches: gathered and scaled on the device, in an order that follows from the seed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aezoo.data.block_order import block_order, window_of
from aezoo.data.reading_ahead import default_workers, read_ahead
from aezoo.data.stores import Store, as_tensor, store_of
from aezoo.randomness import generator
from aezoo.spec.document import Spec
from aezoo.spec.lazy import JoinedRows, LazyArray, blocks_of, located
from aezoo.spec.samples import Array, Samples

T = TypeVar("T")
Rows = npt.NDArray[np.int64]
#: Bytes of a split that is copied out of all samples, to be gathered in one selection. Larger ones take two.
COPIED = 256 << 20
#: The fields of a batch, where none are declared.
NO_FIELDS: Mapping[str, Tensor] = MappingProxyType({})


class Batch(NamedTuple):
    """Some samples, on the device, and the fields that the spec declares of them."""

    x: Tensor  # [B, *input], in data units
    fields: Mapping[str, Tensor] = NO_FIELDS  # int64 [B] of a class, else floats [B, *shape]

    @property
    def rows(self) -> int:
        """How many samples."""
        return len(self.x)

    def losses(self, objective: Callable[..., T], player: str, step: int, noise: object) -> T:
        """What an objective makes of these samples: the losses of one player."""
        return objective(self.x, player, step, noise, self.fields)

    def cut(self, size: int) -> Iterator[Batch]:
        """The same in smaller batches."""
        for start in range(0, self.rows, size):
            yield self.stretch(start, start + size)

    def parted(self, most: int) -> Sequence[Batch]:
        """The same in as few batches of at most so many samples as can be, which are of one size, or one more."""
        count = -(-self.rows // most)
        ends = [self.rows * i // count for i in range(count + 1)]
        return [self.stretch(start, stop) for start, stop in zip(ends, ends[1:], strict=False)]

    def stretch(self, start: int, stop: int) -> Batch:
        """The samples from one to another."""
        return Batch(self.x[start:stop], {name: value[start:stop] for name, value in self.fields.items()})


class Batches:
    """The samples of one split, and its batches: float tensors [B, *input] on the device, with their fields.

    Values stay in the type and memory that they are stored in, uint8 or float, in memory, on the device, mapped
    from a file or lazy, and are gathered and scaled a batch at a time. uint8 0..255 becomes the spec's `input.range`;
    without a range it stays 0..255. The order depends on the seed and the epoch alone, so one integer, the step, is the
    position in a run. Samples are counted from 0 within the split. Where samples are decoded in blocks, these are
    shuffled, and then the rows of neighbouring blocks; else the order is a uniform permutation.

    The last batch of an epoch may be smaller; a remainder of one sample joins the batch before it, since batch
    normalization cannot train on a batch of one.

    Args:
        samples: All samples.
        spec: Says the range and the precision.
        rows: Those of the split; None for all.
        device: Of the batches.
        fields: Those of the declared fields that are wanted, checked by `check_fields`; None for all.
        workers: Threads that read ahead; None for as many as help. They change no batch.
    """

    def __init__(
        self,
        samples: Samples,
        spec: Spec,
        rows: Rows | None = None,
        *,
        device: torch.device | str = "cpu",
        fields: Collection[str] | None = None,
        workers: int | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.dtype = type_of(spec)
        self.shape = samples.shape
        values, inside = located(samples.values, rows)
        self._values, self._rows = _stored(values, inside, self.device, self.dtype)
        self._lazy = isinstance(self._values, Store)
        decodes = isinstance(values, LazyArray) and values.decodes
        self._workers = default_workers(decodes=decodes) if workers is None else workers
        # Of a whole set, as it was counted when it was opened: the order of a run depends on it.
        joined = isinstance(samples.values, JoinedRows)
        self._blocks = _blocks(values, inside) if joined else _blocks(samples.values, rows)
        self._must_move = self._values.device != self.device
        low, high = spec.input.range or (0.0, 255.0)
        self._scale, self._shift = (high - low) / 255, low
        names = spec.fields if fields is None else fields
        self._fields = {name: stored_field(samples, spec, name, rows, self.device, self.dtype) for name in names}

    def __len__(self) -> int:
        """Samples in the split."""
        return len(self._values) if self._rows is None else len(self._rows)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self), batch_size)
        return whole + (rest > 1 or (rest == 1 and whole == 0))

    def sizes(self, batch_size: int) -> set[int]:
        """How many samples the batches of an epoch have."""
        return {len(part) for part in self._cut(torch.arange(len(self)), batch_size)}

    def order(self, epoch: int, seed: int) -> Tensor:
        """Every sample once, shuffled: int64 [n]."""
        source = generator(seed, "order", epoch)
        if self._blocks is not None:
            return block_order(self._blocks.starts, len(self), self._blocks.window, source)
        return torch.randperm(len(self), generator=source).to(self._values.device)

    def epoch(self, epoch: int, batch_size: int, seed: int, *, first: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, shuffled; from the `first` on, without gathering those before."""
        parts = self.parts(epoch, batch_size, seed)[first:]
        return read_ahead(self.gather, parts, self._workers) if self._workers else map(self.gather, parts)

    def parts(self, epoch: int, batch_size: int, seed: int) -> tuple[Tensor, ...]:
        """The samples of each batch of an epoch, by their numbers in the split."""
        return self._cut(self.order(epoch, seed), batch_size)

    def gather(self, indices: Tensor) -> Batch:
        """These samples as floats [B, *input], with their fields."""
        fields = self._gathered_fields(indices) if self._fields else NO_FIELDS
        if self._rows is not None:
            indices = self._rows.index_select(0, indices)
        return Batch(self._scaled(self._values.index_select(0, indices)), fields)

    def row(self, row: int) -> Batch:
        """One sample, as a batch."""
        return self.gather(torch.tensor([row], device=self._values.device))

    def stretch(self, start: int, stop: int) -> Batch:
        """The samples from one to another, as a batch."""
        return self.gather(torch.arange(start, min(stop, len(self)), device=self._values.device))

    def sequential(self, batch_size: int, *, transient: bool = False) -> Iterator[Batch]:
        """Every sample once, in order, for evaluation; here the last batch may have one sample.

        Args:
            batch_size: Of all but the last.
            transient: Whether a batch may be written over by the next one, which saves new memory for each.
        """
        if self._workers:
            rows = torch.arange(len(self), device=self._values.device)
            yield from read_ahead(self.gather, torch.split(rows, batch_size) if len(rows) else (), self._workers)
            return
        buffer: Tensor | None = None
        for start in range(0, len(self), batch_size):
            if self._rows is None and not self._fields:
                values = self._values[start : start + batch_size]
                x = self._scaled(values)
                if x is values:  # A copy: a view would let a change of the batch change the data.
                    buffer = torch.empty_like(x) if buffer is None or not transient else buffer[: len(x)]
                    x = buffer.copy_(x)
                yield Batch(x)
            else:
                stop = min(start + batch_size, len(self))
                yield self.gather(torch.arange(start, stop, device=self._values.device))

    def head(self, n: int) -> Batch:
        """At most `n` samples, evenly spaced, to estimate moments from: the first ones may all be of one class."""
        return self.gather(self._spaced(n))

    def spaced(self, n: int, size: int) -> Iterator[Batch]:
        """The samples of `head`, so many at a time."""
        rows = self._spaced(n)
        return read_ahead(self.gather, torch.split(rows, size) if len(rows) else (), self._workers)

    def too_large(self, n: int, limit: int) -> bool:
        """Whether samples that are not in memory would take more bytes than this, were so many of them held."""
        row = int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        return self._lazy and min(n, len(self)) * row > limit

    def _spaced(self, n: int) -> Tensor:
        n = min(n, len(self))
        return torch.arange(n, device=self._values.device) * len(self) // max(n, 1)

    def _gathered_fields(self, indices: Tensor) -> Mapping[str, Tensor]:
        """One selection for each field."""
        return {
            name: values.index_select(0, indices.to(values.device)).to(self.device)
            for name, values in self._fields.items()
        }

    def _cut(self, order: Tensor, batch_size: int) -> tuple[Tensor, ...]:
        parts: tuple[Tensor, ...] = torch.split(order, batch_size)
        if len(parts) > 1 and len(parts[-1]) == 1 < batch_size:
            return (*parts[:-2], order[-batch_size - 1 :])
        return parts

    def _scaled(self, x: Tensor) -> Tensor:
        """Gathered samples on the device, as floats; uint8 is moved as such, in a quarter of the bytes."""
        if x.dtype == self.dtype and not self._must_move:  # the common case, without calls that do nothing
            return x
        x = x.to(self.device, non_blocking=True)
        if x.dtype != torch.uint8:
            return x.to(self.dtype)
        x = x.to(self.dtype).mul_(self._scale)
        return x.add_(self._shift) if self._shift else x


def _stored(
    values: Array | LazyArray, rows: Rows | None, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor | Store, Tensor | None]:
    """What batches are gathered from, and the split's rows in it (None for all).

    What is mapped or lazy is not read, and values that would fill the device stay in memory; others are copied to it
    once. On the CPU a large split is not copied.
    """
    if isinstance(values, (np.memmap, LazyArray)):
        return store_of(values), None if rows is None else as_tensor(rows)
    if rows is not None and device.type == "cpu" and len(rows) * (values.nbytes // max(1, len(values))) > COPIED:
        return as_tensor(values), as_tensor(rows)
    stored = as_tensor(_selected(values, rows))
    if stored.dtype == torch.float64 != dtype:
        stored = stored.to(dtype)
    return (stored.to(device) if _fits(stored, device) else stored), None


class _Blocks(NamedTuple):
    """The blocks of samples that are decoded together.

    Attributes:
        starts: The first row of each, within the split.
        window: How many are shuffled together.
    """

    starts: Tensor
    window: int


def _blocks(values: Array | LazyArray, rows: Rows | None) -> _Blocks | None:
    starts = blocks_of(values, rows)
    if starts is None or not len(starts):
        return None
    row_bytes = values.nbytes // max(1, len(values))
    inside = as_tensor(starts[starts < (len(values) if rows is None else len(rows))])
    blocks = blocks_of(values, None)
    window = window_of(as_tensor(starts if blocks is None else blocks), len(values), row_bytes)
    return _Blocks(inside, window)


def type_of(spec: Spec) -> torch.dtype:
    """Of the floats of a batch."""
    return torch.float64 if spec.training.precision == "float64" else torch.float32


def stored_field(
    samples: Samples, spec: Spec, name: str, rows: Rows | None, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """The values of a field, of these rows alone: int64 [n] of classes, else floats [n, *shape]."""
    field, values = spec.fields[name], _selected(samples.fields[name], rows)
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    stored = as_tensor(values.reshape(len(values), *field.sample_shape))
    dtype = torch.int64 if field.classes is not None else dtype
    return stored.to(device if _fits(stored, device) else "cpu", dtype)


def _fits(values: Tensor, device: torch.device) -> bool:
    # At most a quarter of the free memory: the rest is for weights and activations.
    return device.type != "cuda" or 4 * values.nbytes < torch.cuda.mem_get_info(device)[0]


def _selected(values: Array, rows: Rows | None) -> Array:
    """The rows of an array; a view if they are consecutive."""
    if rows is None:
        return values
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and bool((np.diff(rows) == 1).all()):
        return values[rows[0] : rows[-1] + 1]
    return values[rows]
