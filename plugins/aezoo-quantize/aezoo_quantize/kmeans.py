"""k-means: where codes start, and which code is the nearest."""

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
    # |x - c|^2 = |x|^2 - 2 (x c - |c|^2 / 2), about the middle of the codes: far from the origin the digits that
    # tell codes apart would be lost.
    middle = codes.mean(dim=0)
    codes = codes - middle
    return torch.addmm(codes.square().sum(dim=-1) / 2, x - middle, codes.t(), alpha=-1).argmin(dim=-1)


def kmeans(x: Tensor, k: int, generator: Generator | None, *, cosine: bool = False) -> tuple[Tensor, Tensor]:
    """Centres of `k` clusters, and how many vectors each has.

    Seeded by k-means++ (Arthur and Vassilvitskii 2007): each seed is drawn with a chance that grows with its squared
    distance from the seeds before; without a generator it is the farthest. A cluster that loses all its vectors stays
    where it is.

    Args:
        x: The vectors; fewer than `k` give centres that are alike.
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
        seeds[i] = x[_chosen(distances, generator)]
        to_it = (x - seeds[i]).square().sum(dim=-1)
        distances = to_it if i == 0 else torch.minimum(distances, to_it)
    return seeds


def _chosen(weights: Tensor, generator: Generator | None) -> Tensor:
    """An index [1], drawn by weight; by no weight at all, if every vector is a seed already."""
    if generator is None:
        return weights.argmax(dim=0, keepdim=True)
    # A sum of zero cannot be drawn from. Cumulated, and not torch.multinomial: that takes 2^24 vectors at most.
    edges = torch.where(weights.sum() > 0, weights, torch.ones_like(weights)).double().cumsum(dim=0)
    draw = torch.rand(1, generator=generator, device=weights.device, dtype=torch.float64) * edges[-1]
    return torch.searchsorted(edges, draw, right=True).clamp_max(len(weights) - 1)
