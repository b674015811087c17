"""Layers that read a tap beside their input: joined to it, or as its scale and shift."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aezoo.nn.latent import flatten_for


def over_positions(values: Tensor, h: Tensor) -> Tensor:
    """Values in the axes of `h`: those of a vector at each position, all values of a grid where `h` is a vector.

    Shape:
        values: [B, D] or [B, D, *grid], h: [B, C, *grid] -> [B, D, *grid or ones]
    """
    if h.ndim == 2:
        return values.flatten(1)
    return values if values.ndim == h.ndim else values.reshape(*values.shape, *(1 for _ in h.shape[2:]))


class Join(nn.Module):
    """`h` and what it is joined with, side by side along the channels.

    Args:
        embed: An affine map of what is read; None to join it as it is.

    Shape:
        h: [B, C, *grid], read: [B, D] or [B, D, *grid] -> [B, C + D, *grid]
    """

    def __init__(self, embed: nn.Module | None = None) -> None:
        super().__init__()
        self.embed = embed

    def forward(self, h: Tensor, read: Tensor) -> Tensor:
        if self.embed is not None:
            read = self.embed(flatten_for(self.embed, read))
        return torch.cat([h, over_positions(read, h).expand(-1, -1, *h.shape[2:])], dim=1)


class Condition(nn.Module):
    """(1 + scale) h + shift, for each channel, both an affine map of what is read: FiLM.

    Perez et al. 2018, "FiLM: visual reasoning with a general conditioning layer", arXiv:1709.07871, equation 2.

    Args:
        project: The affine map to 2 C values: scales, then shifts.

    Shape:
        h: [B, C, *grid], read: [B, D] or [B, D, *grid] -> [B, C, *grid]
    """

    def __init__(self, project: nn.Module) -> None:
        super().__init__()
        self.project = project

    def forward(self, h: Tensor, read: Tensor) -> Tensor:
        scale, shift = over_positions(self.project(flatten_for(self.project, read)), h).chunk(2, dim=1)
        return torch.addcmul(h + shift, scale, h)
