"""Levels of a hierarchy: stochastic layers of a decoder, each with a posterior and a learned prior.

encoder tap ──────────┐
                      v
h ──┬─ posterior q(z | tap, h) ─┐   with an encoder
    │                           ├─> z, which goes on
    └─ prior p(z | h) ──────────┘   without one
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from aezoo.nn.code import Draw
from aezoo.nn.latent import LOGVAR, flatten_for
from aezoo.nn.prior import LOG_2PI
from aezoo.nn.reading_layers import over_positions


class GaussianLevel(NamedTuple):
    """A level whose posterior and prior are diagonal Gaussians; without an encoder the posterior is the prior."""

    h: Tensor  # [B, D, *grid], the drawn value; the mean where nothing was drawn
    mean: Tensor  # of the posterior, as all that follows of the shape of `h`
    logvar: Tensor
    prior_mean: Tensor
    prior_logvar: Tensor

    def kl(self) -> Tensor:
        """KL(q || p) of each value, in nats: [B, D, *grid]."""
        shift = (self.mean - self.prior_mean).square() * (-self.prior_logvar).exp()
        ratio = self.logvar - self.prior_logvar
        return 0.5 * (shift + ratio.expm1() - ratio)

    def log_ratio(self) -> Tensor:
        """log q - log p of each sample at the drawn value, in nats: [B]."""
        return log_normal(self.h, self.mean, self.logvar) - log_normal(self.h, self.prior_mean, self.prior_logvar)


def log_normal(z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; mean, exp(logvar)) of each sample, in nats.

    Shape:
        z, mean, logvar: [B, *shape] -> [B]
    """
    return -0.5 * ((z - mean).square() * (-logvar).exp() + logvar + LOG_2PI).flatten(1).sum(dim=-1)


class Stochastic(nn.Module):
    """A stochastic layer: z from q(z | read, h) with an encoder, from p(z | h) without one.

    The posterior is relative to the prior: N(mean + shift, variance * factor) of the prior's mean and variance, so that
    a posterior that adds nothing costs nothing (Vahdat and Kautz 2020, "NVAE", arXiv:2007.03898, section 3.2). Log
    variances of the prior and of the factor are clamped to [-10, 10].

    Args:
        prior: An affine map of `h` to 2 D values: mean, then log variance.
        posterior: An affine map of `h` and what is read, side by side, to 2 D values: shift, then log of the factor.

    Shape:
        h: [B, F] or [B, C, *grid], read: the encoder's tap -> a level of [B, D] or [B, D, *grid]
    """

    def __init__(self, prior: nn.Module, posterior: nn.Module) -> None:
        super().__init__()
        self.prior = prior
        self.posterior = posterior

    def forward(self, h: Tensor, read: Tensor | None, draw: Draw | None = None) -> GaussianLevel:
        prior_mean, prior_logvar = self.prior(flatten_for(self.prior, h)).chunk(2, dim=1)
        prior_logvar = prior_logvar.clamp(*LOGVAR)
        mean, logvar = prior_mean, prior_logvar
        if read is not None:
            both = torch.cat([h, over_positions(read, h)], dim=1)
            shift, factor = self.posterior(both).chunk(2, dim=1)
            mean, logvar = prior_mean + shift, prior_logvar + factor.clamp(*LOGVAR)
        z = mean if draw is None else torch.addcmul(mean, (logvar / 2).exp(), draw(mean))
        return GaussianLevel(z, mean, logvar, prior_mean, prior_logvar)
