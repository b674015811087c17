"""Deep SVDD: codes without a bias, and their distances from a centre.

Ruff et al. 2018, "Deep one-class classification", ICML, https://proceedings.mlr.press/v80/ruff18a.html.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output

#: How near to zero a value of the centre may be: a unit at zero is reached by weights of zero.
MARGIN = 0.1


class CenteredCode(NamedTuple):
    """A code and its offset from the centre."""

    z: Tensor  # [B, D]
    offset: Tensor  # [B, D], z - c


class Centered(nn.Module):
    """z = W h without a bias, and z - c.

    Args:
        features: Width of a sample's features.
        dim: Width of the code.

    Shape:
        h: [B, *shape] -> z, offset: [B, D]
    """

    center: Tensor

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, dim, bias=False)
        self.register_buffer("center", torch.zeros(dim))

    def forward(self, h: Tensor, generator: Generator | None = None) -> CenteredCode:
        z = self.project(h.flatten(1))
        return CenteredCode(z, z - self.center)

    def prepare(self, first_input: Tensor, *, model: Autoencoder, generator: Generator) -> None:
        """Set the centre: the mean code of the first batch, away from zero."""
        self.center.copy_(away_from_zero(self.project(first_input.flatten(1)).mean(dim=0)))


def away_from_zero(center: Tensor) -> Tensor:
    """Each value moved to at least `MARGIN` from zero, on its own side.

    Shape:
        center: [D] -> [D]
    """
    side = torch.where(center < 0, -1.0, 1.0).to(center)
    return torch.where(center.abs() < MARGIN, MARGIN * side, center)


class SVDD(nn.Module):
    """The mean squared distance of codes from their centre (equation 4, without the weight decay)."""

    by_sample = True

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        return {"distance": self.score(out).mean()}

    def score(self, out: Output) -> Tensor:
        """The squared distance of each code from the centre (equation 5).

        Shape:
            -> [B]
        """
        distances: Tensor = out.code.offset.square().flatten(1).sum(dim=1)
        return distances
