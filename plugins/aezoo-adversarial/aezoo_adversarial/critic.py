"""A critic, its loss, and the loss of what it discriminates."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from aezoo.nn.code import Output


class Critic(nn.Module):
    """Layers, then one affine map to a logit, which is positive for the first of two kinds.

    Args:
        layers: From the input to features.
        width: Number of features.

    Shape:
        x: [B, *shape] -> [B]
    """

    def __init__(self, layers: Sequence[nn.Module], width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.score = nn.Linear(width, 1)

    def features(self, x: Tensor) -> Tensor:
        """Output of the last layer, as vectors [B, F]."""
        for layer in self.layers:
            x = layer(x)
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.score(self.features(x)).squeeze(1)
        return logits


def discrimination(first: Tensor, second: Tensor) -> Tensor:
    """Cross-entropy in nats of discriminating two kinds, each half of the cases: ln 2 is chance.

    At its minimum the logit is log p_first - log p_second (Goodfellow et al. 2014, arXiv:1406.2661, proposition 1).

    Args:
        first: Logits of samples of the first kind.
        second: Logits of samples of the second.
    """
    return (F.softplus(-first).mean() + F.softplus(second).mean()) / 2


def adversarial(logits: Tensor) -> Tensor:
    """-log of the critic's probability that these are of the first kind; it does not saturate (section 3)."""
    return F.softplus(-logits).mean()


def noise(out: Output) -> Generator:
    """The generator of a pass; for a pass without one, one that gives the same draws each time."""
    return out.generator if out.generator is not None else Generator(out.x.device).manual_seed(0)


@torch.no_grad()
def drawn(out: Output) -> Tensor:
    """Codes from the prior, as many as the pass has."""
    sample: Tensor = out.model.prior.sample(len(out.x), noise(out))
    return sample
