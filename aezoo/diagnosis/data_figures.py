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
        leading: That of its direction of largest variance.
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
    leading: float
    reach: Range | None = None
    beyond: float = 0.0
    lost: float = 0.0
    bytes_read: int | None = None


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
    x = compared(spec, batch).detach().cpu().double()
    flat = x.flatten(1)
    varies = flat.amax(dim=0) > flat.amin(dim=0)
    deviations, means = torch.std_mean(flat, dim=0, correction=0)
    loss_units = _in_units_of_the_loss(x, standardized=spec.input.normalize == "standardize").flatten(1)
    centred = loss_units - loss_units.mean(dim=0)
    variance = centred.square().sum().item() / len(flat)
    reach = None if spec.input.normalize == "standardize" else reached(spec)
    low, high = reach or (-math.inf, math.inf)
    clipped = loss_units.clamp(low, high)
    lost = (loss_units - clipped).square().sum().item() / len(flat) / variance if variance else 0.0
    span = spec.input.range
    return DataFigures(
        n=len(flat),
        least=flat.min().item(),
        most=flat.max().item(),
        means=means,
        deviations=torch.where(varies, deviations, 0.0),
        whole=((flat >= 0) & (flat == flat.round())).all(dim=0),
        variance=variance,
        leading=_leading(centred),
        reach=reach,
        beyond=(clipped != loss_units).double().mean().item(),
        lost=lost,
        bytes_read=_largest_byte(x, span) if as_bytes and span and spec.target is None else None,
    )


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


def _in_units_of_the_loss(x: Tensor, *, standardized: bool) -> Tensor:
    """As `aezoo.nn.data_normalizer` makes them: by feature of a vector, else by channel."""
    if not standardized:
        return x
    axes = (0, *range(2, x.ndim))
    deviation, mean = torch.std_mean(x, dim=axes, correction=0, keepdim=True)
    return (x - mean) / torch.where(deviation > 0, deviation, 1.0)


def _leading(centred: Tensor) -> float:
    """The largest variance of a direction, by power iteration."""
    if not centred.square().sum():
        return 0.0
    direction = centred[centred.square().sum(dim=1).argmax()]
    for _ in range(ROUNDS):
        direction = direction / direction.norm()
        direction = centred.T @ (centred @ direction)
    length: float = direction.norm().item()
    return length / len(centred)


def _largest_byte(x: Tensor, span: Range) -> int:
    low, high = span
    return round((x.max().item() - low) / (high - low) * 255)
