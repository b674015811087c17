"""Figures of the data that a model is trained on, as the loss compares them."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from aezoo.data.batches import Batch, Batches
from aezoo.spec.component import Range, field_name
from aezoo.spec.document import Spec
from aezoo.spec.kinds import RANGES

#: Samples that are looked at, evenly spaced, and values of them all: 4 million are 16 MB.
ROWS, VALUES = 2000, 1 << 22
#: Rounds of the power iteration. It converges from below, fast where one direction stands out.
ROUNDS = 30


class DataFigures(NamedTuple):
    """Figures of samples of the training split: of the target, where that is a field.

    Attributes:
        n: How many samples they are of.
        least: The smallest value.
        most: The largest.
        means: Of each value of a sample, [F], in data units.
        deviations: Of each value, [F], in data units.
        whole: Which values are whole numbers, and not negative, in every sample: [F].
        variance: Of a sample in units of the loss, summed over its values.
        centred: The samples in units of the loss, without their mean: [n, F].
        reach: Between what the output's mean lies; None for any numbers.
        beyond: Share of the values that lie outside of it.
        lost: Share of the variance that no output within it can explain.
        bytes_read: The largest byte that is stored, where samples are uint8 and span a declared range; else None.
    """

    n: int
    least: float
    most: float
    means: Tensor
    deviations: Tensor
    whole: Tensor
    variance: float
    centred: Tensor
    reach: Range | None = None
    beyond: float = 0.0
    lost: float = 0.0
    bytes_read: int | None = None

    @property
    def leading(self) -> float:
        """The variance in the direction of the largest: worked out when a rule asks."""
        return _leading(self.centred)


def rows_of(width: int) -> int:
    """How many samples of this many values are looked at."""
    return min(ROWS, max(16, VALUES // max(1, width)))


def data_figures(spec: Spec, batches: Batches, *, as_bytes: bool) -> DataFigures:
    """The figures of a training split.

    Args:
        spec: What is trained on them.
        batches: The training split.
        as_bytes: Whether samples are stored as uint8.
    """
    batch = batches.head(rows_of(math.prod(batches.shape)))
    given = compared(spec, batch).detach().cpu()
    stored = given.flatten(1)
    lowest, highest = stored.amin(dim=0).double(), stored.amax(dim=0).double()
    least, most = lowest.min().item(), highest.max().item()
    x = given.double()
    flat = x.flatten(1)
    deviations, means = torch.std_mean(flat, dim=0, correction=0)
    standardized = spec.input.normalize == "standardize"
    loss_units = _in_units_of_the_loss(x).flatten(1) if standardized else flat
    centred = loss_units - (loss_units.mean(dim=0) if standardized else means)
    variance = centred.square().sum().item() / len(flat)
    reach = None if standardized else reached(spec)
    beyond, lost = _outside(flat, reach) if reach and not reach[0] <= least <= most <= reach[1] else (0.0, 0.0)
    span = spec.input.range
    return DataFigures(
        n=len(flat),
        least=least,
        most=most,
        means=means,
        deviations=torch.where(highest > lowest, deviations, 0.0),
        whole=(lowest >= 0) & (stored == stored.round()).all(dim=0),
        variance=variance,
        centred=centred,
        reach=reach,
        beyond=beyond,
        lost=lost / variance if variance else 0.0,
        bytes_read=_largest_byte(most, span) if as_bytes and span and spec.target is None else None,
    )


def _outside(flat: Tensor, reach: Range) -> tuple[float, float]:
    """Share of the values outside of a range, and the squares of their distances to it, a sample."""
    clipped = flat.clamp(*reach)
    return (clipped != flat).double().mean().item(), (flat - clipped).square().sum().item() / len(flat)


def compared(spec: Spec, batch: Batch) -> Tensor:
    """What the output is compared with: [B, *target], in data units."""
    return batch.x if spec.target is None else batch.fields[field_name(spec.target)]


def reached(spec: Spec) -> Range | None:
    """Between what the mean of the output lies: by the likelihood, or the last function of a decoder of its own."""
    by_likelihood = spec.likelihood.mean_range()
    layers = spec.decoder.layers
    style = layers[-1].style() if layers else None
    if by_likelihood is not None or style is None:
        return by_likelihood
    # Of a likelihood that asks for the data themselves, the mean is what the decoder gives.
    plain = spec.likelihood.raw_range((-2.0, 3.0)) == (-2.0, 3.0)
    low, high = RANGES[style.activation]
    return (low, high) if plain and (math.isfinite(low) or math.isfinite(high)) else None


def _in_units_of_the_loss(x: Tensor) -> Tensor:
    """Standardized, as `aezoo.nn.data_normalizer` does it: by feature of a vector, else by channel."""
    axes = (0, *range(2, x.ndim))
    deviation, mean = torch.std_mean(x, dim=axes, correction=0, keepdim=True)
    return (x - mean) / torch.where(deviation > 0, deviation, 1.0)


def _leading(centred: Tensor) -> float:
    """The largest variance of a direction, by power iteration."""
    largest = centred.abs().max()
    if not largest:
        return 0.0
    # float32 has more digits than the iteration; as shares of the largest value, since squares may leave it.
    rows = (centred / largest).float()
    direction = rows[rows.square().sum(dim=1).argmax()]
    length = 0.0
    for _ in range(ROUNDS):
        direction = direction / direction.norm()
        direction = rows.T @ (rows @ direction)
        before, length = length, direction.norm().item()
        if length - before <= torch.finfo(rows.dtype).eps * length:  # what it cannot tell apart
            break
    return length / len(rows) * largest.item() ** 2


def _largest_byte(most: float, span: Range) -> int:
    low, high = span
    return round((most - low) / (high - low) * 255)
