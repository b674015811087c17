"""k-means for the first codes, and the lookup of the nearest code."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

#: Rounds of Lloyd's algorithm.
ROUNDS = 20


def nearest(x: Tensor, codes: Tensor) -> Tensor:
    """The index of the code nearest to each vector, the first of equals.

    Shape:
        x: [N, D], codes: [K, D] -> [N]
    """
    # |x - c|^2 = |x|^2 - 2 (x c - |c|^2 / 2), about the mean of the codes: far from the origin, differences between
    # codes would be lost to rounding.
    mean = codes.mean(dim=0)
    codes = codes - mean
    return torch.addmm(codes.square().sum(dim=-1) / 2, x - mean, codes.t(), alpha=-1).argmin(dim=-1)


def kmeans(x: Tensor, k: int, generator: Generator | None, *, cosine: bool = False) -> tuple[Tensor, Tensor]:
    """Centres of `k` clusters, and how many vectors each has.

    Seeded by k-means++ (Arthur and Vassilvitskii 2007): each seed is drawn with a probability proportional to its
    squared distance from the seeds before; without a generator it is the farthest. Centres of empty clusters stay.

    Args:
        x: The vectors; fewer than `k` give equal centres.
        k: How many clusters.
        generator: Draws the seeds.
        cosine: Whether centres are scaled to norm 1.

    Shape:
        x: [N, D] -> [k, D], [k]
    """
    centres = _seeds(x, k, generator)
    for _ in range(ROUNDS):
        members = F.one_hot(nearest(x, centres), k).to(x.dtype)  # [N, k]
        counts = members.sum(dim=0)
        means = members.t() @ x / counts.clamp_min(1)[:, None]
        means = F.normalize(means, dim=-1) if cosine else means
        centres = torch.where(counts[:, None] > 0, means, centres)
    return centres, torch.bincount(nearest(x, centres), minlength=k).to(x.dtype)


def _seeds(x: Tensor, k: int, generator: Generator | None) -> Tensor:
    seeds = x.new_empty(k, x.shape[1])
    distances = torch.ones_like(x[:, 0])
    for i in range(k):
        seeds[i] = x[_draw(distances, generator)]
        distance = (x - seeds[i]).square().sum(dim=-1)
        distances = distance if i == 0 else torch.minimum(distances, distance)
    return seeds


def _draw(weights: Tensor, generator: Generator | None) -> Tensor:
    """An index [1], drawn by weight; uniform if all weights are 0, since every vector is a seed already."""
    if generator is None:
        return weights.argmax(dim=0, keepdim=True)
    # By cumulated weights: torch.multinomial takes at most 2^24 vectors, and no weights that sum to zero.
    edges = torch.where(weights.sum() > 0, weights, torch.ones_like(weights)).double().cumsum(dim=0)
    draw = torch.rand(1, generator=generator, device=weights.device, dtype=torch.float64) * edges[-1]
    return torch.searchsorted(edges, draw, right=True).clamp_max(len(weights) - 1)
