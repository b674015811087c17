"""Activations with weights, and gates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aezoo.nn.layers import ACTIVATIONS

#: Added to a divisor that is learned, and might come to zero.
TINY = 1e-9


class Snake(nn.Module):
    """x + sin(alpha x)^2 / alpha (Ziyin et al. 2020, arXiv:2006.08195), or over a beta (arXiv:2206.04658).

    Args:
        shape: Of a sample, [C, *spatial].
        beta: Whether the divisor is learned by itself.
        log: Whether the weights are the logarithms of alpha and beta.

    Shape:
        x: [B, C, *spatial] -> the same
    """

    def __init__(self, shape: tuple[int, ...], *, beta: bool = False, log: bool = False) -> None:
        super().__init__()
        channels = (shape[0], *(1 for _ in shape[1:]))
        ones = torch.zeros(channels) if log else torch.ones(channels)
        self.log = log
        self.alpha = nn.Parameter(ones)
        self.beta = nn.Parameter(ones.clone()) if beta else None

    def forward(self, x: Tensor) -> Tensor:
        alpha = self.alpha.exp() if self.log else self.alpha
        beta = alpha if self.beta is None else self.beta.exp() if self.log else self.beta
        return x + (alpha * x).sin().square() / (beta + TINY)


class Gate(nn.Module):
    """The first half of the channels times an activation of the second (Dauphin et al. 2016, arXiv:1612.08083).

    Shape:
        x: [B, 2 C, *spatial] -> [B, C, *spatial]
    """

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        values, gates = x.chunk(2, dim=1)
        return values * self.activation(gates)  # type: ignore[no-any-return]
