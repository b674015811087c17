"""Lookup-free quantization: the sign of each value of a vector."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.latent import flatten_for
from aezoo_quantize.vq import channels_first, straight_through


class SignCode(NamedTuple):
    """A vector of signs."""

    z: Tensor  # [B, D, *grid], -1 or 1
    pre: Tensor  # [B, D, *grid], before the sign
    indices: Tensor  # [B, *grid]
    commitment: Tensor  # [B, D, *grid], (pre - sg(z))^2
    logits: Tensor  # [B, D, *grid], log odds of 1 against -1


class LFQ(nn.Module):
    """sign(pre), with the gradient of `pre`; the index has a bit for each sign, the first the lowest.

    Yu et al. 2023, "Language model beats diffusion", arXiv:2310.05737, section 3.1.

    Args:
        project: The affine map of the features to D values, or channels.
        dim: D, how many signs a vector has.
        temperature: T of the weights exp(-|pre - c|^2 / T) that codes c have for the entropies.

    Shape:
        h: [B, *shape] -> z, pre: [B, D, *grid]; indices: [B, *grid]
    """

    powers: Tensor
    temperature: float | Tensor

    def __init__(self, project: nn.Module, dim: int, *, temperature: float = 1.0) -> None:
        super().__init__()
        self.project = project
        self.temperature = temperature
        # Not saved: they follow from the spec.
        self.register_buffer("powers", 2 ** torch.arange(dim), persistent=False)

    def forward(self, h: Tensor, generator: Generator | None = None) -> SignCode:
        pre = self.project(flatten_for(self.project, h))
        ones = pre > 0
        signs = torch.where(ones, 1.0, -1.0).to(pre.dtype)
        indices = (ones.movedim(1, -1) * self.powers).sum(dim=-1)
        logits = 4 / self.temperature * pre
        return SignCode(straight_through(pre, signs), pre, indices, (pre - signs).square(), logits)

    def embed(self, indices: Tensor) -> Tensor:
        """The signs of these indices: [B, *grid] -> [B, D, *grid]."""
        bits = indices[..., None] // self.powers % 2
        return channels_first((2 * bits - 1).to(next(self.project.parameters()).dtype))
