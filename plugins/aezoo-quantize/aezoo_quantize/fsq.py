"""Finite scalar quantization: each value of a vector rounded to one of a few levels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import mul
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.latent import flatten_for
from aezoo_quantize.vq import channels_first, straight_through

#: Share by which the tanh reaches beyond the outermost levels, so that these can be reached.
SLACK = 1e-3


class ScalarCode(NamedTuple):
    """A vector of levels."""

    z: Tensor  # [B, D, *grid], in [-1, 1]
    pre: Tensor  # [B, D, *grid], before rounding
    indices: Tensor  # [B, *grid]


class FSQ(nn.Module):
    """Round a squashed value to L levels, with the gradient of the squashed one.

    Mentzer et al. 2023, "Finite scalar quantization", arXiv:2309.15505, appendix A.1:

        bounded = half tanh(pre + shift) - offset      half = (L - 1) (1 + slack) / 2
        z = round(bounded) / floor(L / 2)              offset = 1/2 for even L, else 0; shift = atanh(offset / half)

    The index counts in mixed radix, the first value fastest.

    Args:
        project: The affine map of the features to D values, or channels.
        levels: L of each value.

    Shape:
        h: [B, *shape] -> z, pre: [B, D, *grid]; indices: [B, *grid]
    """

    levels: Tensor
    radix: Tensor

    def __init__(self, project: nn.Module, levels: Sequence[int]) -> None:
        super().__init__()
        self.project = project
        # Not saved: they follow from the spec.
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("radix", torch.tensor([1, *accumulate(levels[:-1], mul)]), persistent=False)

    def forward(self, h: Tensor, generator: Generator | None = None) -> ScalarCode:
        pre = self.project(flatten_for(self.project, h))
        values = pre.movedim(1, -1)  # [B, *grid, D]
        levels = self.levels.to(values.dtype)
        half = (levels - 1) * ((1 + SLACK) / 2)
        offset = (levels % 2 == 0).to(levels) / 2
        bounded = half * torch.tanh(values + torch.atanh(offset / half)) - offset
        rounded = straight_through(bounded, bounded.round())
        indices = ((rounded.detach().round().long() + self.levels // 2) * self.radix).sum(dim=-1)
        return ScalarCode(channels_first(rounded / (self.levels // 2)), pre, indices)

    def embed(self, indices: Tensor) -> Tensor:
        """The levels of these indices: [B, *grid] -> [B, D, *grid]."""
        half = self.levels // 2
        digits = indices[..., None] // self.radix % self.levels
        # In the type of the weights, since the buffers are integers.
        return channels_first(((digits - half) / half).to(next(self.project.parameters()).dtype))
