"""Metrics: accumulators that are updated with one Output at a time. Sums are in float64 on the CPU.

A pass has normalized values, and errors are measured in these: in the units of the loss. PSNR is measured in data
units, as the declared range is. Densities are those of the data: the normalizer's log scale is added, so that a model
that standardizes can be compared with one that does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from aezoo.nn.code import Output
from aezoo.nn.divergence import rate, rate_values_by_level
from aezoo.nn.likelihood import reconstruction


def data_values(out: Output) -> tuple[Tensor, Tensor]:
    """The targets and their reconstructions, in data units.

    Shape:
        -> [B, *input], [B, *input]
    """
    inverse = out.model.output_normalizer.inverse
    return inverse(out.target), inverse(out.model.likelihood.mean(out.raw))


def squared_errors(out: Output) -> Tensor:
    """Squared error of each reconstruction in units of the loss, summed over the sample.

    Shape:
        -> [B]
    """
    return _squared(out, out.target, out.model.likelihood.mean(out.raw))


def squared_data_errors(out: Output) -> Tensor:
    """The same in data units.

    Shape:
        -> [B]
    """
    return _squared(out, *data_values(out))


def _squared(out: Output, x: Tensor, mean: Tensor) -> Tensor:
    errors = (x - mean).square()
    return out.masked(errors).flatten(1).sum(dim=-1)


def counted(out: Output) -> Tensor:
    """How many values of each sample are compared: all of the target, or those of the mask.

    Shape:
        -> [B]
    """
    if out.mask is None:
        return out.target.new_full((len(out.target),), out.target[0].numel())
    return out.mask.expand_as(out.target).flatten(1).sum(dim=-1)


def nll(out: Output) -> Tensor:
    """-log p(x | z) of each sample, in nats of the data.

    Shape:
        -> [B]
    """
    # The density of x = shift + scale * y is that of y divided by the scales.
    density = reconstruction(out)
    scale = getattr(out.model.output_normalizer, "scale", None)
    if scale is None:
        return density
    logs = scale.log().expand_as(out.target[0])
    counted_logs: Tensor = logs.sum() if out.mask is None else (out.mask * logs).flatten(1).sum(dim=-1)
    return density + counted_logs


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
        values = exact(self.measure(out))
        self.total += values.sum().item()
        self.count += len(values)

    def result(self) -> float:
        return self.total / self.count


class LevelRates:
    """The mean over samples of the rate of the code, and of each level below it.

    Args:
        names: Of the code and the levels.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.total = torch.zeros(len(names), dtype=torch.float64)
        self.count = 0

    def update(self, out: Output) -> None:
        rates = [exact(part).sum() for part in rate_values_by_level(out)]
        self.total += torch.stack(rates)
        self.count += len(out.x)

    def result(self) -> dict[str, float]:
        return dict(zip(self.names, (self.total / self.count).tolist(), strict=True))


class ValueRates:
    """The mean over samples of the rate of each value, of those with the largest.

    Args:
        names: Of the code and the levels.
        most: How many values are given.
    """

    def __init__(self, names: Sequence[str], *, most: int) -> None:
        self.names = names
        self.most = most
        self.totals: list[Tensor] = []
        self.count = 0

    def update(self, out: Output) -> None:
        rates = [exact(part).sum(dim=0) for part in rate_values_by_level(out)]
        self.totals = [total + rate for total, rate in zip(self.totals, rates, strict=True)] if self.count else rates
        self.count += len(out.x)

    def result(self) -> dict[str, float]:
        means = {
            f"{name}.{i}": value
            for name, total in zip(self.names, self.totals, strict=True)
            for i, value in enumerate((total / self.count).tolist())
        }
        return dict(sorted(means.items(), key=lambda item: -item[1])[: self.most])


class PerValue(Mean):
    """The mean over the compared values of all samples of one number per sample."""

    def __init__(self, measure: Callable[[Output], Tensor]) -> None:
        super().__init__(measure)
        self.values = 0.0

    def update(self, out: Output) -> None:
        super().update(out)
        self.values += exact(counted(out)).sum().item()

    def result(self) -> float:
        return super().result() / (self.values / self.count)


class BitsPerValue(PerValue):
    """Bits of each compared value by the ELBO, of data in steps.

    Args:
        resolution: The width of a step, in data units.
    """

    def __init__(self, resolution: float) -> None:
        super().__init__(elbo)
        self.resolution = resolution

    def result(self) -> float:
        return -super().result() / math.log(2) - math.log2(self.resolution)


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
        weights = None if out.mask is None else out.mask.expand_as(out.target).flatten(1)
        self.moments.update(out.target.flatten(1), weights)
        self.error += self._errors(out).sum().item()

    def result(self) -> float:
        variance = (self.moments.variance() * self.moments.weight).sum().item()
        return self.error / variance if variance > 0 else math.nan

    @staticmethod
    def _errors(out: Output) -> Tensor:
        errors = exact(out.target - out.model.likelihood.mean(out.raw)).square()
        return errors if out.mask is None else exact(out.mask) * errors


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


class DeadShare:
    """The share of units that are 0 for every sample."""

    def __init__(self) -> None:
        self.active: Tensor | None = None

    def update(self, out: Output) -> None:
        active = (point(out) != 0).any(dim=0)
        self.active = active if self.active is None else self.active | active

    def result(self) -> float:
        return math.nan if self.active is None else 1 - self.active.double().mean().item()


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


#: Columns of a covariance that are computed at once, where there are more than twice as many.
STRIPE = 196


class Moments:
    """Mean and (co)variance of vectors, divided by N.

    Args:
        full: Whether the covariance is accumulated, or the variances alone.
        products: The type in which the products of a covariance are computed; sums over batches are in float64.
    """

    def __init__(self, *, full: bool = False, products: torch.dtype = torch.float64) -> None:
        self.full = full
        self.products = products
        self.count = 0
        self.weight: float | Tensor = 0.0  # the sum of the weights: of each value, where there are any
        self.origin = self.first = self.second = torch.zeros(0, dtype=torch.float64)

    def update(self, x: Tensor, weights: Tensor | None = None) -> None:
        """Add vectors [B, F]; with `weights` [B, F] of their values, for the variances alone."""
        x = exact(x)
        if not self.count:
            # Sums are about a point among the data: about zero, the variance would cancel beside a large mean.
            self.origin = x.mean(dim=0)
            self.first = torch.zeros_like(self.origin)
            width = len(self.origin)
            self.second = x.new_zeros((width, width) if self.full else width)
        x = x - self.origin
        self.count += len(x)
        if weights is not None:
            self._add_weighted(x, exact(weights))
            return
        self.weight += len(x)
        self.first += x.sum(dim=0)
        if self.full:
            self._add_products(x.to(self.products))
        else:
            self.second += x.square().sum(dim=0)

    def _add_products(self, x: Tensor) -> None:
        """Of wide vectors those on the diagonal and to its right alone: the others are the same, and take as long."""
        width = x.shape[1]
        stripe = STRIPE if width > 2 * STRIPE else width
        for start in range(0, width, stripe):
            stop = start + stripe
            self.second[start:stop, start:] += x[:, start:stop].T @ x[:, start:]

    def _add_weighted(self, x: Tensor, weights: Tensor) -> None:
        self.weight = self.weight + weights.sum(dim=0)
        self.first += (weights * x).sum(dim=0)
        self.second += (weights * x.square()).sum(dim=0)

    def mean(self) -> Tensor:
        return self.origin + self.first / self.weight

    def variance(self) -> Tensor:
        """Of each value: [F]; 0 for one that has no weight."""
        weight = torch.as_tensor(self.weight, dtype=torch.float64).clamp_min(1e-300)
        second = self.second.diagonal() if self.full else self.second
        return (second / weight - (self.first / weight).square()).clamp_min(0)

    def covariance(self) -> Tensor:
        """[F, F]"""
        shift = self.first / self.count
        second = self.second
        if len(second) > 2 * STRIPE:
            second = second.triu() + second.triu(1).T
        return second / self.count - torch.outer(shift, shift)


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


def exact(x: Tensor) -> Tensor:
    """A tensor in float64 on the CPU, without its graph."""
    # First to the CPU: some accelerators know no float64.
    return x.detach().cpu().double()
