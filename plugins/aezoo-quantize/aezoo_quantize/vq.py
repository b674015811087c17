"""Vector quantization: a vector is replaced by a code, or by a sum of codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.latent import flatten_for
from aezoo_quantize.codebook import Codebook


class VectorCode(NamedTuple):
    """A code of a codebook, or a sum of such."""

    z: Tensor  # [B, D, *grid], its gradient goes to `pre`
    pre: Tensor  # [B, D, *grid], before quantization
    indices: Tensor  # [B, *grid], or [B, depth, *grid]
    commitment: Tensor  # [B, D, *grid], (pre - sg(code))^2
    codebook: Tensor  # [B, D, *grid], (sg(pre) - code)^2


def straight_through(pre: Tensor, code: Tensor) -> Tensor:
    """`code`, with the gradient of `pre` (Bengio et al. 2013, arXiv:1308.3432)."""
    # In this order the value is `code` to the last bit; `pre + (code - pre)` would round, and decode differently from
    # the index.
    return code.detach() + (pre - pre.detach())


def vectors(h: Tensor) -> Tensor:
    """The channels at each position as a vector: [B, D, *grid] -> [N, D]."""
    return h.movedim(1, -1).flatten(0, -2)


def planes(x: Tensor, like: Tensor) -> Tensor:
    """Vectors back at their positions: [N, D] -> [B, D, *grid]."""
    return channels_first(x.view(len(like), *like.shape[2:], -1))


def channels_first(x: Tensor) -> Tensor:
    """[B, *grid, D] -> [B, D, *grid], in memory too: the same values in another order decode to other last bits."""
    return x.movedim(-1, 1).contiguous()


class VQ(nn.Module):
    """The nearest code of one codebook, van den Oord et al. 2017, arXiv:1711.00937.

    Args:
        project: The affine map of the features to D values, or channels.
        codebook: The codes.

    Shape:
        h: [B, *shape] -> z, pre: [B, D, *grid]; indices: [B, *grid]
    """

    def __init__(self, project: nn.Module, codebook: Codebook) -> None:
        super().__init__()
        self.project = project
        self.codebook = codebook

    def forward(self, h: Tensor, generator: Generator | None = None) -> VectorCode:
        h = self.project(flatten_for(self.project, h))
        lookup = self.codebook(vectors(h), generator)
        pre, code = planes(lookup.vectors, h), planes(lookup.codes, h)
        return VectorCode(
            straight_through(pre, code),
            pre,
            lookup.indices.view(len(h), *h.shape[2:]),
            (pre - code.detach()).square(),
            (pre.detach() - code).square(),
        )

    def embed(self, indices: Tensor) -> Tensor:
        """The codes of these indices: [B, *grid] -> [B, D, *grid]."""
        return channels_first(self.codebook.embed(indices))


class ResidualVQ(nn.Module):
    """A sum of codes, each the nearest to the residual of those before it.

    Zeghidour et al. 2021, "SoundStream", arXiv:2107.03312, section III.C. With `dropout` that share of the samples
    uses the first n codes alone, n uniform in 1..depth and drawn for each sample (arXiv:2306.06546, section 3.2).
    Codebooks learn from all samples: the residual for code n + 1 does not depend on whether the sample uses it.

    Args:
        project: The affine map of the features to D values, or channels.
        codebooks: One for each code of the sum.
        dropout: Share of the samples, in training.

    Shape:
        h: [B, *shape] -> z, pre: [B, D, *grid]; indices: [B, depth, *grid]
    """

    def __init__(self, project: nn.Module, codebooks: Sequence[Codebook], *, dropout: float = 0.0) -> None:
        super().__init__()
        self.project = project
        self.codebooks = nn.ModuleList(codebooks)
        self.dropout = dropout

    def forward(self, h: Tensor, generator: Generator | None = None) -> VectorCode:
        pre = self.project(flatten_for(self.project, h))
        depths = self._depths(pre, generator)  # [B, 1, ...]
        residual, code = pre, torch.zeros_like(pre)
        commitment, codebook, indices = torch.zeros_like(pre), torch.zeros_like(pre), []
        for i, book in enumerate(self.codebooks):
            lookup = book(vectors(residual), generator)
            step, used = planes(lookup.codes, pre), (depths > i).to(pre.dtype)
            commitment = commitment + used * (residual - step.detach()).square()
            codebook = codebook + used * (residual.detach() - step).square()
            code, residual = code + used * step, residual - step.detach()
            indices.append(lookup.indices.view(len(pre), *pre.shape[2:]))
        return VectorCode(straight_through(pre, code), pre, torch.stack(indices, dim=1), commitment, codebook)

    def embed(self, indices: Tensor) -> Tensor:
        """The sum of the codes of these indices, of all or the first few codebooks: [B, n, *grid] -> [B, D, *grid]."""
        pairs = zip(self.codebooks, indices.unbind(dim=1), strict=False)
        codes = torch.stack([book.embed(index) for book, index in pairs])  # type: ignore[operator]
        return channels_first(codes.sum(dim=0))

    def _depths(self, pre: Tensor, generator: Generator | None) -> Tensor:
        """How many codes each sample uses."""
        depth, count = len(self.codebooks), len(pre)
        depths = torch.full((count,), depth, device=pre.device)
        if self.training and self.dropout and generator is not None:
            fewer = torch.randint(1, depth + 1, (count,), generator=generator, device=pre.device)
            dropped = torch.rand(count, generator=generator, device=pre.device) < self.dropout
            depths = torch.where(dropped, fewer, depths)
        return depths.view(-1, *(1 for _ in pre.shape[1:]))
