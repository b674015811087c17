"""Dimensions of a cloud of samples: by its principal components, and by its nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

#: Largest share of the ratios of distances that is left out: the estimate is spoilt by its tail (Facco et al. 2017).
TAIL = 0.1
#: Samples whose neighbours are sought.
NEIGHBOURS = 1000


def components(x: Array, shares: Sequence[float]) -> list[int]:
    """How many principal components have these shares of the variance.

    Args:
        x: Samples.
        shares: Between 0 and 1.

    Shape:
        x: [N, F] -> one number for each share
    """
    centred = x - x.mean(axis=0)
    # The smaller of the two matrices: both have the same eigenvalues but for zeros.
    square = centred @ centred.T if len(x) < x.shape[1] else centred.T @ centred
    variances = np.linalg.eigvalsh(square)[::-1].clip(0)
    total = variances.sum()
    if not total:
        return [0 for _ in shares]
    reached = np.cumsum(variances) / total
    return [int(np.searchsorted(reached, share - 1e-12)) + 1 for share in shares]


def intrinsic(x: Array) -> float:
    """The dimension of the manifold that samples lie near, by the distances to their two nearest neighbours (TwoNN).

    Facco et al. 2017, "Estimating the intrinsic dimension of datasets by a minimal neighborhood information",
    doi:10.1038/s41598-017-11873-y: the ratio mu of the two distances has the distribution 1 - mu^-d, so that
    -log(1 - F(mu)) over log(mu) is a line of slope d through the origin. At most 1,000 samples, evenly spaced. Above
    some ten dimensions, of so few samples, it is too low; NaN where too few samples differ.

    Shape:
        x: [N, F]
    """
    rows = np.arange(min(len(x), NEIGHBOURS)) * len(x) // min(len(x), NEIGHBOURS)
    points = np.unique(x[rows], axis=0)
    if len(points) < 10:
        return float("nan")
    squares = (points**2).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    # The difference of large numbers loses digits: what is left of two equal points is no distance.
    nearest = np.sqrt(np.partition(distances.clip(0), 1, axis=1)[:, :2])
    nearest = nearest[nearest[:, 0] > 1e-6 * np.sqrt(squares.max())]
    ratios = np.sort(np.log(nearest[:, 1] / nearest[:, 0]))
    if len(ratios) < 10 or not ratios[-1]:
        return float("nan")
    kept = int(len(ratios) * (1 - TAIL))
    heights = -np.log(1 - np.arange(1, len(ratios) + 1) / (len(ratios) + 1))
    across, up = ratios[:kept], heights[:kept]
    return float((across * up).sum() / (across**2).sum())
