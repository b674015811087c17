"""Tokens: a random few go through a transformer; the loss and the metric are of the others."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.code import Output
from aezoo.nn.likelihood import reconstruction
from aezoo.nn.metrics import UnexplainedVariance
from aezoo.nn.sequences import Transformer


class MaskedCode(NamedTuple):
    """The codes of patches, some of which may be hidden."""

    z: Tensor  # [B, D, *grid]
    hidden: Tensor  # [B, 1, *grid], 1 where the patch was not seen


class VisibleTokens(nn.Module):
    """The encoder of a masked autoencoder (He et al. 2021, arXiv:2111.06377, section 3), without a class token.

    Args:
        channels: Width C of a patch.
        patches: How many there are.
        dim: Width D of a token.
        visible: How many are seen where some are hidden.
        depth: Blocks of the transformer.
        heads: Attention maps of a block.
        hidden: Width inside a block's perceptron.

    Shape:
        h: [B, C, *grid] -> z: [B, D, *grid], hidden: [B, 1, *grid]
    """

    def __init__(
        self, channels: int, patches: int, dim: int, *, visible: int, depth: int, heads: int, hidden: int
    ) -> None:
        super().__init__()
        self.visible = visible
        self.affine = nn.Linear(channels, dim)
        self.positions = nn.Parameter(_drawn(patches, dim))
        self.mask_token = nn.Parameter(_drawn(1, dim))
        # Positions are added before tokens are left out, so that each keeps its own.
        self.transformer = Transformer(dim, visible, depth=depth, heads=heads, hidden=hidden, positions="none")

    def forward(self, h: Tensor, generator: Generator | None = None) -> MaskedCode:
        tokens = self.affine(h.flatten(2).transpose(1, 2)) + self.positions  # [B, N, D]
        if generator is None:
            codes, hidden = self._codes(tokens), tokens.new_zeros(tokens.shape[:2])
        else:
            codes, hidden = self._some(tokens, generator)
        batch, _, *grid = h.shape
        return MaskedCode(codes.transpose(1, 2).reshape(batch, -1, *grid), hidden.reshape(batch, 1, *grid))

    def _some(self, tokens: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Codes of a random few, the token of what is hidden in place of the others, and where they are."""
        keys = torch.rand(tokens.shape[:2], generator=generator, device=tokens.device)
        seen = keys.argsort(dim=1)[:, : self.visible]  # [B, visible]
        index = seen.unsqueeze(2).expand(-1, -1, tokens.shape[2])
        codes = self._codes(tokens.gather(1, index))
        whole = self.mask_token.to(codes.dtype).expand_as(tokens).scatter(1, index, codes)
        return whole, torch.ones_like(keys, dtype=codes.dtype).scatter(1, seen, 0)

    def _codes(self, tokens: Tensor) -> Tensor:
        return self.transformer(tokens.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]


def _drawn(*shape: int) -> Tensor:
    values = torch.empty(shape)
    return values if values.is_meta else values.normal_(std=0.02)


def of_hidden(out: Output) -> Output:
    """The pass with a mask that counts the values of hidden patches alone, of those that counted."""
    hidden: Tensor = out.code.hidden
    for axis, size in enumerate(out.target.shape[2:], start=2):
        hidden = hidden.repeat_interleave(size // hidden.shape[axis], dim=axis)
    return out._replace(mask=out.masked(hidden))


class HiddenReconstruction(nn.Module):
    """The batch mean of -log p of the values of hidden patches, in nats."""

    by_sample = True

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        return {"hidden": reconstruction(of_hidden(out)).mean()}


class HiddenVariance(UnexplainedVariance):
    """Unexplained variance of hidden patches."""

    def update(self, out: Output) -> None:
        super().update(of_hidden(out))
