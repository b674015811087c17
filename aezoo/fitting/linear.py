"""Linear models of samples, some of whose values may be missing: what a fitted model is compared with.

Where nothing is missing PCA is exact. Else gaps are filled in by the model itself and it is fitted anew, some rounds
over, which leads to the subspace of least squared error of the known values (Kiers 1997, doi:10.1007/BF02295279).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from aezoo.evaluation import baselines

#: Rounds of filling in, of narrow samples and of wide ones, whose eigenvectors take long.
ROUNDS, FEW, NARROW = 30, 5, 256
#: Samples of a batch, where their axes are found by iteration.
BATCH = 1024
#: Share of the mean variance that is added to each variance, so that a constant value has an inverse.
RIDGE = 1e-6


class Subspace(NamedTuple):
    """A mean and the axes around it."""

    mean: Tensor  # [F]
    axes: Tensor  # [F, D]

    def codes(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """[N, F] -> [N, D]; of missing values as they are filled in."""
        return (self._filled(x, known) - self.mean) @ self.axes

    def project(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """[N, F] -> [N, F]"""
        return self.mean + self.codes(x, known) @ self.axes.T

    def _filled(self, x: Tensor, known: Tensor | None) -> Tensor:
        """Missing values as the subspace has them that fits the known ones best."""
        if known is None:
            return x
        filled = torch.where(known, x, self.mean)
        for _ in range(ROUNDS):
            filled = torch.where(known, x, self.mean + (filled - self.mean) @ self.axes @ self.axes.T)
        return filled


def principal(x: Tensor, dim: int, known: Tensor | None = None) -> Subspace:
    """The subspace of `dim` axes that leaves the least squared error of the known values.

    Args:
        x: Samples, in float64.
        dim: How many axes, at most as many as there are.
        known: Which values are not missing; None for all.

    Shape:
        x, known: [N, F]
    """
    dim = min(dim, x.shape[1], len(x))
    if known is None:
        linear = baselines.pca(lambda: _parts(x), dim)
        return Subspace(linear.centre, linear.maps[0])
    mean = (x * known).sum(dim=0) / known.sum(dim=0).clamp_min(1)
    filled = torch.where(known, x, mean)
    for _ in range(ROUNDS if x.shape[1] <= NARROW else FEW):
        found = principal(filled, dim)
        filled = torch.where(known, x, found.project(filled))
    return principal(filled, dim)


def _parts(x: Tensor) -> Iterator[Tensor]:
    return (x[start : start + BATCH] for start in range(0, len(x), BATCH))


class Normal(NamedTuple):
    """A Gaussian of full covariance."""

    mean: Tensor  # [F]
    root: Tensor  # [F, F], lower: root root^T is the covariance

    def distances(self, x: Tensor) -> Tensor:
        """Squared Mahalanobis distances: [N, F] -> [N]"""
        white: Tensor = torch.linalg.solve_triangular(self.root, (x - self.mean).T, upper=False)
        return white.square().sum(dim=0)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """-> [n, F]"""
        noise = torch.randn(n, len(self.mean), generator=generator, dtype=self.mean.dtype)
        return self.mean + noise @ self.root.T


def normal(x: Tensor) -> Normal:
    """The Gaussian of the moments of samples [N, F]."""
    mean = x.mean(dim=0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    ridge = RIDGE * covariance.diagonal().mean() + 1e-30
    return Normal(mean, torch.linalg.cholesky(covariance + ridge * torch.eye(len(mean), dtype=x.dtype)))


def told(codes: Tensor, labels: Tensor, others: Tensor, their_labels: Tensor) -> Tensor:
    """Of which samples a linear map of codes tells the class: ridge regression of one-hot classes, as of `probe`.

    Args:
        codes: That it is fitted to.
        labels: Their classes, from 0 on.
        others: Codes that it is judged on.
        their_labels: Their classes.

    Shape:
        codes: [N, D], labels: [N], others: [M, D], their_labels: [M] -> [M], 0 and 1
    """
    mean, deviation = codes.mean(dim=0), codes.std(dim=0).clamp_min(1e-12)
    wanted = torch.nn.functional.one_hot(labels, int(labels.max()) + 1).to(codes.dtype)
    scaled = (codes - mean) / deviation
    square = scaled.T @ scaled / len(codes) + 1e-4 * torch.eye(codes.shape[1], dtype=codes.dtype)
    weights = torch.linalg.solve(square, scaled.T @ (wanted - wanted.mean(dim=0)) / len(codes))
    outputs: Tensor = wanted.mean(dim=0) + (others - mean) / deviation @ weights
    return (outputs.argmax(dim=1) == their_labels).double()
