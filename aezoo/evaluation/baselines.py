"""Baselines: what a linear model of the same data gets, so that a score means something.

- PCA of the code's width: no linear autoencoder does better on the samples that it is fitted to (Baldi and Hornik
  1989).
- The Wiener filter: no linear denoiser has a smaller expected squared error (for Gaussian data: no denoiser at all).

Both are fitted to the training split: PCA in the units of the model's loss, the filter in data units, where the noise
is. Its estimate is optimal for each value by itself, so it would be the same in any units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import singledispatch
from typing import NamedTuple

import torch
from torch import Tensor, nn

from aezoo.nn.corruption import GaussianNoise, Level, Mask, SaltAndPepper
from aezoo.nn.metrics import Moments
from aezoo.spec.shape import Shape

#: Widest samples whose whole covariance is computed. Wider ones get their principal axes by iteration, and no Wiener
#: filter.
WIDEST = 2048
#: Narrowest samples whose axes are sought in float32 first: of narrower ones float64 takes no time to speak of.
NARROW = 256
#: Of a covariance in float32 the rounding, as a share of its largest eigenvalue, and the most that this may change an
#: error by, as a share of that: in the 33 cases by which this was set the estimate was 6 to 14,000 times what was
#: found; a card has six digits.
ROUNDING, UNSEEN = 1e-6, 5e-6
#: Rounds of the iteration, and how many axes it computes beyond those that are returned.
ROUNDS, SPARE = 8, 16

#: Gives all batches [B, *shape] anew at every call.
Batched = Callable[[], Iterable[Tensor]]


class Linear(NamedTuple):
    """x -> offset + (x - centre) A, over flat samples in float64."""

    centre: Tensor  # [F]
    offset: Tensor  # [F]
    maps: tuple[Tensor, ...]  # their product is A [F, F]

    def apply(self, x: Tensor) -> Tensor:
        """[B, *shape] -> the same"""
        flat = x.cpu().double().flatten(1) - self.centre
        for matrix in self.maps:
            flat = flat @ matrix
        return (flat + self.offset).reshape(x.shape)


# --- PCA -------------------------------------------------------------------------------------------------


def moments_of(batches: Batched, *, exact: bool = True) -> Moments:
    """Mean and variances of the samples; their covariance too, unless they are too wide.

    Args:
        batches: The samples.
        exact: Whether the products of the covariance are in float64. In float32 they take less than half the time.
    """
    width = next(iter(batches())).flatten(1).shape[1]
    exact = exact or width < NARROW
    moments = Moments(full=width <= WIDEST, products=torch.float64 if exact else torch.float32)
    for x in batches():
        moments.update(x.flatten(1))
    return moments


def pca(batches: Batched, dim: int, *, moments: Moments | None = None) -> Linear:
    """The projection onto the first `dim` principal axes of the samples.

    Args:
        batches: The samples.
        dim: How many axes, fewer than a sample has values.
        moments: Of the samples, which saves a pass over them. Where what is not exact in them could be seen in the
            errors of the projection, exact ones are computed.
    """
    moments = moments or moments_of(batches, exact=False)
    mean = moments.mean()
    axes: Tensor | None
    if not moments.full:
        axes = _iterated(batches, mean, dim)
    elif 2 * moments.count <= len(mean):
        axes = _of_few(batches, mean, dim)
    elif moments.products == torch.float64:
        axes = _leading(moments.covariance(), dim)
    else:
        axes = _in_float32(moments.covariance(), dim)
    if axes is None:
        return pca(batches, dim, moments=moments_of(batches))
    return Linear(mean, mean, (axes, axes.T))


def _leading(covariance: Tensor, dim: int) -> Tensor:
    """Eigenvectors of the largest eigenvalues: [F, dim]."""
    _, vectors = torch.linalg.eigh(covariance)
    leading: Tensor = vectors[:, -dim:]
    return leading


def _of_few(batches: Batched, mean: Tensor, dim: int) -> Tensor:
    """The same of fewer samples than they have values, by the products of the samples: [N, N], not [F, F]."""
    rows = torch.cat([x.detach().cpu().double().flatten(1) for x in batches()]) - mean
    _, vectors = torch.linalg.eigh(rows @ rows.T)
    # Made orthogonal, not divided by their lengths: of an axis without variance there is none.
    axes: Tensor = torch.linalg.qr(rows.T @ vectors[:, -dim:]).Q
    return axes


def _in_float32(covariance: Tensor, dim: int) -> Tensor | None:
    """The same in float32, made orthogonal in float64; None where the errors of a projection on them may be others.

    A rounding E of the covariance turns axis i towards axis j by E_ij / (l_i - l_j), to first order. In other samples
    their covariance is sqrt(l_i l_j) at most, and the squared error changes by twice the product of both.
    """
    covariance = covariance.float()
    if not covariance.isfinite().all():
        return None
    values, vectors = torch.linalg.eigh(covariance)
    values = values.double().clamp_min(0)
    left, kept = values[:-dim], values[-dim:, None]
    entry = ROUNDING * values[-1] / len(values) ** 0.5
    change = (2 * entry * (kept * left).sqrt() / (kept - left)).norm()
    if not change <= UNSEEN * left.sum():
        return None
    axes: Tensor = torch.linalg.qr(vectors[:, -dim:].double()).Q
    return axes


def _iterated(batches: Batched, mean: Tensor, dim: int) -> Tensor:
    """The leading eigenvectors by subspace iteration (Halko et al. 2009, arXiv:0909.4061, algorithm 4.4)."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(len(mean), dim + SPARE, generator=generator)
    # float32 is enough to turn a basis towards the axes; what is projected on them is float64 again.
    centre = mean.float()
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(basis).Q
        turned = torch.zeros_like(basis)
        for x in batches():
            flat = x.cpu().float().flatten(1) - centre
            turned += flat.T @ (flat @ basis)
        basis = turned
    # The basis was multiplied by the scatter once more than it was made orthogonal: its own axes are in order.
    axes: Tensor = torch.linalg.svd(basis.double(), full_matrices=False)[0]
    return axes[:, :dim]


# --- the Wiener filter -----------------------------------------------------------------------------------


class CorruptedMoments(NamedTuple):
    """First and second moments of corrupted samples y, of clean samples x with covariance S."""

    mean: Tensor  # [F], of y
    covariance: Tensor  # [F, F], of y
    gain: float  # Cov(x, y) = gain S


def wiener(moments: Moments, corruptions: Sequence[nn.Module], shape: Sequence[int]) -> Linear | None:
    """The linear map of least expected squared error from corrupted to clean samples, in closed form.

    x^ = E x + Cov(x, y) Cov(y)^-1 (y - E y). None if a corruption's moments are not known.

    Args:
        moments: Full, of the clean samples.
        corruptions: Modules, applied in order.
        shape: Of a sample.
    """
    mean, covariance = moments.mean(), moments.covariance()
    state: CorruptedMoments | None = CorruptedMoments(mean, covariance, 1.0)
    for corruption in corruptions:
        state = corrupt_moments(corruption, state, tuple(shape)) if state else None
    if state is None:
        return None
    # A constant value makes Cov(y) singular. A ridge this small changes no digit that is compared.
    ridge = 1e-9 * state.covariance.diagonal().mean() + 1e-30
    chol = torch.linalg.cholesky(state.covariance + ridge * torch.eye(len(mean), dtype=mean.dtype))
    return Linear(state.mean, mean, (torch.cholesky_solve(state.gain * covariance, chol),))


@singledispatch
def corrupt_moments(corruption: nn.Module, state: CorruptedMoments, shape: Shape) -> CorruptedMoments | None:
    """The moments after one more corruption; None for one that no formula is registered for."""
    return None


@corrupt_moments.register
def _gaussian(corruption: GaussianNoise, state: CorruptedMoments, shape: Shape) -> CorruptedMoments | None:
    if corruption.range is not None:  # clipping is not linear
        return None
    noise = _second_moment(corruption.std) * torch.eye(len(state.mean), dtype=state.mean.dtype)
    return state._replace(covariance=state.covariance + noise)


@corrupt_moments.register
def _mask(corruption: Mask, state: CorruptedMoments, shape: Shape) -> CorruptedMoments | None:
    return _replaced(state, corruption.p, corruption.value, 0.0, _together(shape, corruption.per_pixel))


@corrupt_moments.register
def _salt_and_pepper(corruption: SaltAndPepper, state: CorruptedMoments, shape: Shape) -> CorruptedMoments | None:
    low, high = corruption.range
    together = _together(shape, corruption.per_pixel)
    return _replaced(state, corruption.p, (low + high) / 2, ((high - low) / 2) ** 2, together)


def _replaced(state: CorruptedMoments, p: Level, value: float, variance: float, together: Tensor) -> CorruptedMoments:
    """Values kept with probability q = 1 - p, else replaced by draws of this mean and variance.

    With everything measured from `value`: E y = q E x; where two values are replaced together E yy' = q E xx' + p
    variance, where independently E yy' = q^2 E xx'. If p is drawn for each sample, q^2 stands for its mean square.
    """
    q = 1 - _first_moment(p)
    square = 1 - 2 * _first_moment(p) + _second_moment(p)
    centred = state.mean - value
    outer = torch.outer(centred, centred)
    raw = state.covariance + outer
    second = torch.where(together, q * raw + (1 - q) * variance, square * raw)
    return CorruptedMoments(value + q * centred, second - q**2 * outer, q * state.gain)


def _together(shape: Shape, per_pixel: bool) -> Tensor:
    """Which pairs of values are replaced together: each with itself, or all channels of a position: [F, F]."""
    width = torch.Size(shape).numel()
    positions = torch.arange(width)
    if per_pixel:
        positions = positions % (width // shape[0])
    return positions[:, None] == positions[None]


def _first_moment(level: Level) -> float:
    return sum(level) / 2 if isinstance(level, tuple) else float(level)


def _second_moment(level: Level) -> float:
    if not isinstance(level, tuple):
        return float(level) ** 2
    low, high = level
    return (low**2 + low * high + high**2) / 3
