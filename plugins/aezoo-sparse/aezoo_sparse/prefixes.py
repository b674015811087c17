"""Nested reconstructions: from the first units of a code, and from all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aezoo.nn.code import Output
from aezoo.nn.likelihood import reconstruction


class NestedReconstruction(nn.Module):
    """The mean of -log p(x | first m units) over prefixes m (Bussmann et al. 2025, arXiv:2503.17547, section 3).

    Args:
        prefixes: Widths, in addition to the whole code.
    """

    by_sample = True

    def __init__(self, prefixes: Sequence[int]) -> None:
        super().__init__()
        self.prefixes = tuple(prefixes)

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        raws = [out.raw, *(out.model.expand(_first(out.code.z, m), out.fields) for m in self.prefixes)]
        each = torch.stack([reconstruction(out._replace(raw=raw)).mean() for raw in raws])
        return {"reconstruction": each.mean()}


def _first(z: Tensor, m: int) -> Tensor:
    """The first `m` units as they are, the others zero."""
    return torch.cat([z[:, :m], torch.zeros_like(z[:, m:])], dim=1)
