"""Accumulators of metrics: distance of codes from the prior, and from independent values."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from aezoo.nn.code import Output

#: Directions in which codes are compared, and codes that are drawn from the prior.
DIRECTIONS, DRAWN = 1024, 20_000


class Discrepancy:
    """Squared maximum mean discrepancy of codes and prior, unbiased, under a mean of cosines (random Fourier features).

    Rahimi and Recht 2007, "Random features for large-scale kernel machines": cos(w (a - b)) with w ~ N(0, I / D) is on
    average exp(-|a - b|^2 / 2 D), and a mean of such cosines is a kernel of its own. So sums over codes are
    enough; as in Gretton et al. 2012 (JMLR 13:723, equation 3), pairs of a code with itself are left out.
    """

    def __init__(self) -> None:
        self.sums: Tensor | None = None
        self.count = 0

    def update(self, out: Output) -> None:
        codes = out.code.z.flatten(1)
        if self.sums is None:
            self._start(out, codes)
        assert self.sums is not None
        self.sums = self.sums + self._total(codes)
        self.count += len(codes)

    def result(self) -> float:
        if self.sums is None or self.count < 2:
            return float("nan")
        drawn, codes = self.prior / DRAWN, self.sums / self.count
        return float(_paired(drawn, DRAWN) + _paired(codes, self.count) - 2 * drawn @ codes)

    def _start(self, out: Output, codes: Tensor) -> None:
        generator = Generator(codes.device).manual_seed(0)
        width = codes.shape[1]
        draws = torch.randn((width, DIRECTIONS), generator=generator, device=codes.device, dtype=codes.dtype)
        self.directions = draws / width**0.5
        self.sums = draws.new_zeros(2 * DIRECTIONS, dtype=torch.float64)
        self.prior = self._total(out.model.prior.sample(DRAWN, generator).flatten(1))

    def _total(self, codes: Tensor) -> Tensor:
        """Sum of the features of all, in parts: those of all draws at once would take 300 MB."""
        return torch.stack(
            [self._features(part).sum(dim=0, dtype=torch.float64) for part in torch.split(codes, 256)]
        ).sum(dim=0)

    def _features(self, codes: Tensor) -> Tensor:
        """[B, 2 * DIRECTIONS], of length 1."""
        angles = codes @ self.directions
        features: Tensor = torch.cat([angles.cos(), angles.sin()], dim=1) / DIRECTIONS**0.5
        return features


def _paired(mean: Tensor, count: int) -> Tensor:
    """Mean kernel over pairs of different ones out of `count`, from the mean of their features."""
    return (mean @ mean * count - 1) / (count - 1)


class TotalCorrelation:
    """Total correlation of a Gaussian with the covariance C of the codes: (sum ln C_ii - ln det C) / 2, in nats."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: Tensor | None = None
        self.products: Tensor | None = None

    def update(self, out: Output) -> None:
        z = out.code.z.flatten(1).double()
        self.count += len(z)
        self.sums = z.sum(dim=0) if self.sums is None else self.sums + z.sum(dim=0)
        self.products = z.T @ z if self.products is None else self.products + z.T @ z

    def result(self) -> float:
        if self.sums is None or self.products is None or self.count <= len(self.sums):
            return float("nan")
        mean = self.sums / self.count
        return gaussian_total_correlation(self.products / self.count - mean[:, None] * mean)


def gaussian_total_correlation(covariance: Tensor) -> float:
    """(sum ln C_ii - ln det C) / 2, in nats; infinite where a value is a linear function of others.

    Shape:
        covariance: [D, D]
    """
    return float((covariance.diagonal().log().sum() - covariance.logdet()) / 2)
