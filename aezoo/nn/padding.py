"""Padding that differs from side to side."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class Pad(nn.Module):
    """Positions added before and after each axis, or cut off where a number is negative.

    Args:
        sides: Positions before and after each axis.
        mode: `zeros`, `reflect`, `replicate` or `circular`; the last three cut nothing off.

    Shape:
        x: [B, C, *spatial] -> [B, C, *padded]
    """

    def __init__(self, sides: Sequence[tuple[int, int]], *, mode: str = "zeros") -> None:
        super().__init__()
        self.pads = [n for side in reversed(sides) for n in side]  # torch begins with the last axis
        self.mode = "constant" if mode == "zeros" else mode

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.pads, self.mode)
