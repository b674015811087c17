"""Errors that are left: of numbers squared, in units of the loss; of classes whether they are wrong."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aezoo.fitting.linear import principal


class Guess:
    """What is guessed of a value without a model: the mean of a number, the most frequent class.

    Errors are shares of what the guess leaves: 1 is no better than it, 0 is perfect.

    Args:
        x: Training samples, in units of the loss.
        known: Which of their values are not missing; None for all.
        classes: How many classes each value has; None of a number.

    Shape:
        x, known: [N, F]
    """

    def __init__(self, x: Tensor, known: Tensor | None, classes: Sequence[int | None]) -> None:
        self.is_class = torch.tensor([count is not None for count in classes])
        known = torch.ones_like(x, dtype=torch.bool) if known is None else known
        counts = known.sum(dim=0).clamp_min(1)
        self.values = (x * known).sum(dim=0) / counts
        for column, count in enumerate(classes):
            if count is not None:
                there = x[known[:, column], column].long()
                self.values[column] = torch.bincount(there, minlength=count).argmax()
        # A class counts as much as a number: its guess is wrong by 1 on average, as that of a standardized number is.
        wrong = ((x != self.values) & known).sum(dim=0) / counts
        self.weights = torch.where(self.is_class, 1 / wrong.clamp_min(1e-3), 1.0)

    def errors(self, x: Tensor, estimate: Tensor, known: Tensor | None) -> Tensor:
        """Of each sample, summed over its known values: [N]"""
        squares = (x - estimate).square()
        each = torch.where(self.is_class, self.weights * (x != estimate.round()), squares)
        return (each if known is None else each * known).sum(dim=1)

    def shares(self, x: Tensor, estimate: Tensor, known: Tensor | None) -> Tensor:
        """The same as shares of the mean error of the guess: [N]"""
        guessed = self.errors(x, self.values.expand_as(x), known).mean()
        return self.errors(x, estimate, known) / guessed.clamp_min(1e-300)


class Principal:
    """PCA of numbers and classes, these one-hot, each scaled to the variance of one number.

    Args:
        x: Training samples, in units of the loss.
        known: Which of their values are not missing; None for all.
        classes: How many classes each value has; None of a number.
        dim: Width of the code.

    Shape:
        x, known: [N, F]
    """

    def __init__(self, x: Tensor, known: Tensor | None, classes: Sequence[int | None], dim: int) -> None:
        self.classes = classes
        self.mixed = any(count is not None for count in classes)
        self.scales = self._scales(x) if self.mixed else {}
        self.subspace = principal(self._wide(x), dim, self._known(known))

    def _scales(self, x: Tensor) -> dict[int, float]:
        scales = {}
        for column, count in enumerate(self.classes):
            if count is not None:
                shares = torch.bincount(x[:, column].long(), minlength=count).double() / len(x)
                scales[column] = float((shares * (1 - shares)).sum().clamp_min(1e-6).rsqrt())
        return scales

    def _wide(self, x: Tensor) -> Tensor:
        """[N, F] -> [N, E], with classes one-hot"""
        if not self.mixed:
            return x
        parts = [
            x[:, [column]] if count is None else self.scales[column] * _one_hot(x[:, column], count)
            for column, count in enumerate(self.classes)
        ]
        return torch.cat(parts, dim=1)

    def _known(self, known: Tensor | None) -> Tensor | None:
        if known is None or not self.mixed:
            return known
        counts = torch.tensor([count or 1 for count in self.classes])
        return known.repeat_interleave(counts, dim=1)

    def estimate(self, x: Tensor, known: Tensor | None) -> Tensor:
        """[N, F] -> [N, F]"""
        return self.back(self.subspace.project(self._wide(x), self._known(known)))

    def plain(self, x: Tensor, known: Tensor | None) -> Tensor:
        """Samples with classes one-hot, and the mean for what is missing: [N, F] -> [N, E]"""
        wide, there = self._wide(x), self._known(known)
        return wide if there is None else torch.where(there, wide, self.subspace.mean)

    def back(self, wide: Tensor) -> Tensor:
        """Of each class the likeliest: [N, E] -> [N, F]"""
        if not self.mixed:
            return wide
        columns, start = [], 0
        for count in self.classes:
            part = wide[:, start : start + (count or 1)]
            columns.append(part[:, 0] if count is None else part.argmax(dim=1).to(part))
            start += count or 1
        return torch.stack(columns, dim=1)

    def codes(self, x: Tensor, known: Tensor | None) -> Tensor:
        """[N, F] -> [N, D]"""
        return self.subspace.codes(self._wide(x), self._known(known))


def _one_hot(values: Tensor, count: int) -> Tensor:
    return torch.nn.functional.one_hot(values.long().clamp(0, count - 1), count).double()
