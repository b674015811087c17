"""Comparison: a figure of a model beside those of others, with the error of each difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

#: How many standard errors a difference has to be for one to be better, and which share of the figure.
SURE, FELT = 2.0, 0.01
#: Draws of a bootstrap.
DRAWS = 200

Verdict = Literal["better", "equal", "worse"]


class Rival(NamedTuple):
    """Another model, and how a figure differs.

    Attributes:
        name: What it is.
        value: Its figure.
        ahead: By how much the fitted model is better; below 0 it is worse.
        error: Standard error of that, over samples.
    """

    name: str
    value: float
    ahead: float
    error: float

    def verdict(self, scale: float) -> Verdict:
        """Whether the model is better: by more than chance, and by more than a hundredth of the figure."""
        felt = abs(self.ahead) > max(SURE * self.error, FELT * abs(scale))
        return "equal" if not felt or math.isnan(self.ahead) else "better" if self.ahead > 0 else "worse"


class Compared(NamedTuple):
    """A figure of a model on samples that took no part in its training or its choice.

    Attributes:
        figure: What it is, in words.
        better: Which way.
        value: Of the model.
        rivals: Others; the first one is the linear baseline.
        n: How many samples it is of.
    """

    figure: str
    better: Literal["lower", "higher"]
    value: float
    rivals: tuple[Rival, ...]
    n: int

    @property
    def verdict(self) -> Verdict:
        """Beside the linear baseline."""
        rival = self.rivals[0]
        scale = rival.value if self.better == "lower" else 1 - rival.value
        return rival.verdict(scale)


def simplest(values: Sequence[Tensor]) -> int:
    """The first of candidates, the simplest first, that is no worse than the best by more than a standard error.

    The rule of Breiman et al. 1984, "Classification and regression trees", section 3.4.3, with the error of the
    difference, pair by pair.

    Args:
        values: Of each candidate, what each sample contributes to its figure; lower is better. NaN is worst.

    Shape:
        values: [N] each
    """
    means = [value.mean().nan_to_num(math.inf).item() for value in values]
    best = values[means.index(min(means))]
    for place, value in enumerate(values):
        behind = value - best
        error = behind.std().item() / math.sqrt(len(behind)) if len(behind) > 1 else 0.0
        if behind.mean().item() <= error:
            return place
    return means.index(min(means))


def by_samples(figure: str, own: Tensor, others: dict[str, Tensor], *, better: Literal["lower", "higher"]) -> Compared:
    """A figure that is a mean over samples: what each contributes is compared pair by pair.

    Args:
        figure: What it is.
        own: Of the model.
        others: Of the others, by name.
        better: Which way.

    Shape:
        own, others: [N]
    """
    sign = 1.0 if better == "lower" else -1.0
    rivals = []
    for name, values in others.items():
        ahead = sign * (values - own)
        error = ahead.std().item() / math.sqrt(len(own)) if len(own) > 1 else math.inf
        rivals.append(Rival(name, values.mean().item(), ahead.mean().item(), error))
    return Compared(figure, better, own.mean().item(), tuple(rivals), len(own))


# --- ranking ------------------------------------------------------------------------------------------------


def auroc(scores: Tensor, strange: Tensor) -> float:
    """The chance that a strange sample scores higher than a normal one; ties count half.

    Shape:
        scores, strange: [N]
    """
    order = scores.argsort(stable=True)
    ordered = scores[order]
    _, inverse, counts = torch.unique_consecutive(ordered, return_inverse=True, return_counts=True)
    ends = counts.cumsum(0).double()
    ranks = torch.empty(len(scores), dtype=torch.float64)
    ranks[order] = (ends - (counts.double() - 1) / 2)[inverse]
    n_strange = int(strange.sum())
    n_normal = len(strange) - n_strange
    if not n_strange or not n_normal:
        return math.nan
    return (ranks[strange.bool()].sum().item() - n_strange * (n_strange + 1) / 2) / (n_strange * n_normal)


def by_ranking(figure: str, own: Tensor, others: dict[str, Tensor], strange: Tensor, seed: int = 0) -> Compared:
    """AUROC of scores; errors of differences are those of a bootstrap, drawn within each of the two groups.

    Shape:
        own, others, strange: [N]
    """
    generator = torch.Generator().manual_seed(seed)
    groups = [strange.bool().nonzero().flatten(), (~strange.bool()).nonzero().flatten()]
    rivals = []
    draws = [
        torch.cat([group[torch.randint(len(group), (len(group),), generator=generator)] for group in groups])
        for _ in range(DRAWS)
    ]
    value = auroc(own, strange)
    own_draws = torch.tensor([auroc(own[rows], strange[rows]) for rows in draws])
    for name, scores in others.items():
        theirs = auroc(scores, strange)
        ahead = own_draws - torch.tensor([auroc(scores[rows], strange[rows]) for rows in draws])
        rivals.append(Rival(name, theirs, value - theirs, ahead.std().item()))
    return Compared(figure, "higher", value, tuple(rivals), len(own))


# --- two sets of samples ------------------------------------------------------------------------------------


class Kernel(NamedTuple):
    """A sum of Gaussian kernels whose widths are multiples of the median distance between samples."""

    squares: tuple[float, ...]

    @classmethod
    def of(cls, x: Tensor) -> Kernel:
        """That of samples [N, F]."""
        some = x[:1000]
        middle = torch.cdist(some, some).square()[torch.triu(torch.ones(len(some), len(some)), 1) == 1].median().item()
        return cls(tuple(factor * max(middle, 1e-12) for factor in (0.25, 1.0, 4.0)))

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """[N, F], [M, F] -> [N, M]"""
        squares = torch.cdist(x, y).square()
        return torch.stack([(-squares / (2 * width)).exp() for width in self.squares]).mean(dim=0)

    def within(self, x: Tensor) -> float:
        """The mean over pairs of different samples."""
        values = self(x, x)
        return ((values.sum() - values.diagonal().sum()) / (len(x) * (len(x) - 1))).item()


def discrepancies(x: Tensor, drawn: Tensor, kernel: Kernel) -> Tensor:
    """What each sample contributes to the squared maximum mean discrepancy from a set of draws; unbiased, so that of
    equal distributions it lies around 0 (Gretton et al. 2012, JMLR 13:723, equation 3).

    Shape:
        x: [N, F], drawn: [M, F] -> [N], whose mean is the discrepancy
    """
    return kernel.within(x) + kernel.within(drawn) - 2 * kernel(x, drawn).mean(dim=1)
