"""A critic, and what it and those whom it judges are told."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from aezoo.nn.code import Output


class Critic(nn.Module):
    """Layers, then one affine map to a logit: above zero for what it takes for the first of two kinds.

    Args:
        layers: From what it is given to its features.
        width: How many features these are.

    Shape:
        x: [B, *shape] -> [B]
    """

    def __init__(self, layers: Sequence[nn.Module], width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.score = nn.Linear(width, 1)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer gives, as vectors [B, F]."""
        for layer in self.layers:
            x = layer(x)
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.score(self.features(x)).squeeze(1)
        return logits


def discrimination(first: Tensor, second: Tensor) -> Tensor:
    """Cross-entropy in nats of telling two kinds apart, each half of the cases: ln 2 is a guess.

    At its minimum the logit is log p_first - log p_second (Goodfellow et al. 2014, arXiv:1406.2661, proposition 1).

    Args:
        first: Logits of what is of the first kind.
        second: Logits of what is of the second.
    """
    return (F.softplus(-first).mean() + F.softplus(second).mean()) / 2


def adversarial(logits: Tensor) -> Tensor:
    """-log of the chance that the critic takes these for the first kind; it does not saturate (section 3)."""
    return F.softplus(-logits).mean()


def noise(out: Output) -> Generator:
    """Where a pass draws from; a pass that draws nothing gets the same draws each time."""
    return out.generator if out.generator is not None else Generator(out.x.device).manual_seed(0)


@torch.no_grad()
def drawn(out: Output) -> Tensor:
    """As many codes from the prior as the pass has."""
    sample: Tensor = out.model.prior.sample(len(out.x), noise(out))
    return sample
