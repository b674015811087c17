"""Metrics: accumulators that are updated with one Output at a time. Sums are in float64 on the CPU.

A pass has normalized values, and errors are measured in these: in the units of the loss. PSNR is measured in data
units, as the declared range is. Densities are those of the data: the normalizer's log scale is added, so that a model
that standardizes can be compared with one that does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from aezoo.nn.code import Output
from aezoo.nn.divergence import rate


def data_values(out: Output) -> tuple[Tensor, Tensor]:
    """The clean samples and their reconstructions, in data units.

    Shape:
        -> [B, *input], [B, *input]
    """
    inverse = out.model.normalizer.inverse
    return inverse(out.x), inverse(out.model.likelihood.mean(out.raw))


def squared_errors(out: Output) -> Tensor:
    """Squared error of each reconstruction in units of the loss, summed over the sample.

    Shape:
        -> [B]
    """
    return _squared(out.x, out.model.likelihood.mean(out.raw))


def squared_data_errors(out: Output) -> Tensor:
    """The same in data units.

    Shape:
        -> [B]
    """
    return _squared(*data_values(out))


def _squared(x: Tensor, mean: Tensor) -> Tensor:
    return (x - mean).square().flatten(1).sum(dim=-1)


def nll(out: Output) -> Tensor:
    """-log p(x | z) of each sample, in nats of the data.

    Shape:
        -> [B]
    """
    # The density of x = shift + scale * y is that of y divided by the scales.
    density = out.model.likelihood.nll(out.raw, out.x)
    scale = getattr(out.model.normalizer, "scale", None)
    return density if scale is None else density + scale.log().expand_as(out.x[0]).sum()  # type: ignore[no-any-return]


def elbo(out: Output) -> Tensor:
    """The evidence lower bound of each sample, in nats, with the draw of `z` that the pass made.

    Shape:
        -> [B]
    """
    return -(nll(out) + rate(out))


def point(out: Output) -> Tensor:
    """The code of each sample, flat.

    Shape:
        -> [B, D]
    """
    return out.tap("latent").flatten(1)


class Mean:
    """The mean over samples of one number per sample.

    Args:
        measure: Output -> [B].
    """

    def __init__(self, measure: Callable[[Output], Tensor]) -> None:
        self.measure = measure
        self.total = 0.0
        self.count = 0

    def update(self, out: Output) -> None:
        values = _exact(self.measure(out))
        self.total += values.sum().item()
        self.count += len(values)

    def result(self) -> float:
        return self.total / self.count


class PerValue(Mean):
    """The mean over samples and their values of one number per sample."""

    def update(self, out: Output) -> None:
        super().update(out)
        self.values = out.x[0].numel()

    def result(self) -> float:
        return super().result() / self.values


class PSNR(PerValue):
    """Peak signal-to-noise ratio in decibels: 10 log10(range^2 / mse), of the mean error over all samples.

    Args:
        span: Width of the data's declared range.
    """

    def __init__(self, span: float) -> None:
        super().__init__(squared_data_errors)
        self.span = span

    def result(self) -> float:
        return psnr(super().result(), self.span)


def psnr(mse: float, span: float) -> float:
    """Decibels of a mean squared error; a perfect reconstruction is cut off at 200."""
    return 10 * math.log10(span**2 / max(mse, span**2 * 1e-20))


class UnexplainedVariance:
    """Squared error as a share of the variance of these samples about their mean (FVU, 1 - R^2), in units of the loss.

    0 is perfect, 1 is no better than the mean of the samples.
    """

    def __init__(self) -> None:
        self.moments = Moments()
        self.error = 0.0

    def update(self, out: Output) -> None:
        x, mean = out.x, out.model.likelihood.mean(out.raw)
        self.moments.update(x.flatten(1))
        self.error += _exact(x - mean).square().sum().item()

    def result(self) -> float:
        variance = self.moments.variance().sum().item() * self.moments.count
        return self.error / variance if variance > 0 else math.nan


class ActiveUnits:
    """How many values of the code depend on the input: Var_x[code_j] > threshold.

    Burda et al. 2015, arXiv:1509.00519, section 5.2 (there the mean of the posterior, threshold 0.01).
    """

    def __init__(self, threshold: float = 0.01) -> None:
        self.threshold = threshold
        self.moments = Moments()

    def update(self, out: Output) -> None:
        self.moments.update(point(out))

    def result(self) -> float:
        return float((self.moments.variance() > self.threshold).sum())


class LatentRank:
    """How many directions the codes fill: participation ratio (tr C)^2 / tr C^2 of their covariance C.

    D for a white code of D values, 1 if all codes lie on a line, 0 if they are all alike.
    """

    def __init__(self) -> None:
        self.moments = Moments(full=True)

    def update(self, out: Output) -> None:
        self.moments.update(point(out))

    def result(self) -> float:
        covariance = self.moments.covariance()
        power = covariance.square().sum().item()
        return covariance.trace().item() ** 2 / power if power > 0 else 0.0


class Moments:
    """Mean and (co)variance of vectors, divided by N.

    Args:
        full: Whether the covariance is accumulated, or the variances alone.
    """

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.count = 0
        self.origin = self.first = self.second = torch.zeros(0, dtype=torch.float64)

    def update(self, x: Tensor) -> None:
        """Add vectors [B, F]."""
        x = _exact(x)
        if not self.count:
            # Sums are about a point among the data: about zero, the variance would cancel beside a large mean.
            self.origin = x.mean(dim=0)
            self.first = torch.zeros_like(self.origin)
            width = len(self.origin)
            self.second = x.new_zeros((width, width) if self.full else width)
        x = x - self.origin
        self.count += len(x)
        self.first += x.sum(dim=0)
        self.second += x.T @ x if self.full else x.square().sum(dim=0)

    def mean(self) -> Tensor:
        return self.origin + self.first / self.count

    def variance(self) -> Tensor:
        """Of each value: [F]."""
        second = self.second.diagonal() if self.full else self.second
        return (second / self.count - (self.first / self.count).square()).clamp_min(0)

    def covariance(self) -> Tensor:
        """[F, F]"""
        shift = self.first / self.count
        return self.second / self.count - torch.outer(shift, shift)


def active_share(out: Output) -> Tensor:
    """Share of the code's values that are not zero; times D it is the code's L0.

    Shape:
        -> [B]
    """
    return (point(out) != 0).double().mean(dim=-1)


def mean_activation(out: Output) -> Tensor:
    """Mean of the code's values.

    Shape:
        -> [B]
    """
    return point(out).mean(dim=-1)


def _exact(x: Tensor) -> Tensor:
    # First to the CPU: some accelerators know no float64.
    return x.detach().cpu().double()
