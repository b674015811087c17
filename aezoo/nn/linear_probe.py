"""A linear probe: how well a linear map of the codes tells classes apart."""

from __future__ import annotations

import torch
from torch import Tensor

from aezoo.nn.code import Output
from aezoo.nn.metrics import Moments, point

#: Share of the codes' mean variance that is added to each variance: enough for codes that depend on each other.
RIDGE = 1e-4


class LinearProbe:
    """Ridge regression of one-hot classes on codes, in closed form, fitted to one split and judged on another.

    W = (Cov(z) + r I)^-1 Cov(z, y) with r a small share of the mean variance of z; the class of a sample is that of its
    largest output (Hastie et al. 2009, "The elements of statistical learning", section 4.2).

    Args:
        tap: Of the classes: whole numbers [B].
        classes: How many there are.
    """

    def __init__(self, tap: str, classes: int) -> None:
        self.tap = tap
        self.classes = classes
        self.moments = Moments(full=True)  # of codes and one-hot classes together
        self.right = self.common = self.count = 0

    def fit(self, out: Output) -> None:
        classes = torch.nn.functional.one_hot(self._labels(out), self.classes)
        self.moments.update(torch.cat([point(out).detach().cpu().double(), classes.double()], dim=1))

    def update(self, out: Output) -> None:
        codes, labels = point(out).detach().cpu().double(), self._labels(out)
        mean, covariance = self.moments.mean(), self.moments.covariance()
        width = codes.shape[1]
        within, across = covariance[:width, :width], covariance[:width, width:]
        ridge = RIDGE * within.diagonal().mean() + 1e-30
        weights = torch.linalg.solve(within + ridge * torch.eye(width, dtype=within.dtype), across)
        outputs = mean[width:] + (codes - mean[:width]) @ weights
        self.right += int((outputs.argmax(dim=1) == labels).sum())
        self.common += int((labels == mean[width:].argmax()).sum())
        self.count += len(labels)

    def result(self) -> dict[str, float]:
        """The share of samples whose class is told, and that of the class that is most common in the fitted split."""
        return {"accuracy": self.right / self.count, "most_common": self.common / self.count}

    def _labels(self, out: Output) -> Tensor:
        return out.tap(self.tap).cpu()
