"""Columns of several kinds as numbers that a network can take."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aezoo_tables.columns import COUNTS


class Encoding(nn.Module):
    """Numbers as they are, counts as log(1 + x), places of ordered classes from -1 to 1, classes one-hot or as vectors.

    A class that corruption has moved between two others is a mixture of them.

    Args:
        columns: Kind of each column, and how many classes it has; None for one without.
        dim: Width of the learned vector of a class; None for a one-hot one.

    Shape:
        x: [B, F] -> [B, W], the columns of a kind side by side
    """

    _numbers: Tensor
    _counts: Tensor
    _places: Tensor
    _one_hot: Tensor

    def __init__(self, columns: Sequence[tuple[str, int | None]], dim: int | None = None) -> None:
        super().__init__()
        numbers = [i for i, (kind, _) in enumerate(columns) if kind == "gaussian"]
        counts = [i for i, (kind, _) in enumerate(columns) if kind in COUNTS]
        places = [(i, (classes or 0) - 1) for i, (kind, classes) in enumerate(columns) if kind == "ordinal"]
        self.classes = [classes or 0 for kind, classes in columns if kind == "categorical"]
        one_hot = [
            (i, k) for i, (kind, classes) in enumerate(columns) if kind == "categorical" for k in range(classes or 0)
        ]
        for name, indices in (("numbers", numbers), ("counts", counts)):
            self.register_buffer(f"_{name}", torch.tensor(indices, dtype=torch.long), persistent=False)
        for name, pairs in (("places", places), ("one_hot", one_hot)):  # of a column, and the largest class or a class
            self.register_buffer(f"_{name}", torch.tensor(pairs, dtype=torch.long).reshape(-1, 2), persistent=False)
        self.vectors = nn.Parameter(torch.randn(sum(self.classes), dim)) if dim and self.classes else None

    def forward(self, x: Tensor) -> Tensor:
        parts = [x[:, self._numbers], x[:, self._counts].clamp_min(0).log1p(), self._ordered(x), *self._coded(x)]
        return torch.cat(parts, dim=1)

    def _ordered(self, x: Tensor) -> Tensor:
        columns, last = self._places.unbind(1)
        return 2 * x[:, columns] / last - 1

    def _coded(self, x: Tensor) -> Sequence[Tensor]:
        columns, classes = self._one_hot.unbind(1)
        weights = (1 - (x[:, columns] - classes).abs()).clamp_min(0)  # [B, classes of all columns]
        if self.vectors is None:
            return [weights]
        of_columns = torch.split(self.vectors, self.classes)
        pairs = zip(torch.split(weights, self.classes, dim=1), of_columns, strict=True)
        return [share @ vectors for share, vectors in pairs]
