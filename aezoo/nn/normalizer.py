"""Normalizer: what `input.normalize` means, on the way in and out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalizer(nn.Module):
    """Zero mean and unit variance for each feature (vectors) or channel (all else), as fitted on the training split.

    Shape:
        x: [B, *shape] -> [B, *shape]
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        axes = (shape[0], *(1 for _ in shape[1:]))
        self.register_buffer("shift", torch.zeros(axes))
        self.register_buffer("scale", torch.ones(axes))

    def fit(self, x: Tensor) -> None:
        """Take mean and standard deviation from `x` [N, *shape]; a constant feature keeps scale 1."""
        axes = (0, *range(2, x.ndim))
        deviation, mean = torch.std_mean(x, dim=axes, correction=0)
        # A feature that never changes has no scale: dividing by its rounding noise would blow it up.
        floor = torch.finfo(x.dtype).eps * (1 + mean.abs())
        deviation = torch.where(deviation > floor, deviation, torch.ones_like(deviation))
        self.shift.copy_(mean.view_as(self.shift))
        self.scale.copy_(deviation.view_as(self.scale))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.scale

    def inverse(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


class Identity(nn.Module):
    """Leaves values as they are; what `normalize = "none"` means."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def inverse(self, x: Tensor) -> Tensor:
        return x
