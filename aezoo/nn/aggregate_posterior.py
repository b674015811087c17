"""The aggregate posterior q(z) = mean over samples of q(z | x): how much of a rate tells samples apart."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from aezoo.nn.code import Output
from aezoo.nn.metrics import exact


class AggregatePosterior:
    """A rate as information and mismatch: E KL(q(z | x) || p(z)) = I(x; z) + KL(q(z) || p(z)).

    Hoffman and Johnson 2016, "ELBO surgery". By one draw z of each sample, with q(z) the mixture of the posteriors of
    the first samples of the split: both sides are then equal for these draws. The information is at most log N.

    Args:
        samples: N, how many samples are mixed, at most.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.latent: Any = None
        self.codes: list[Any] = []
        self.draws: list[Tensor] = []
        self.own: list[Tensor] = []
        self.prior: list[Tensor] = []

    def update(self, out: Output) -> None:
        missing = self.samples - sum(map(len, self.draws))
        if missing <= 0:
            return
        model, code = out.model, out.code
        self.latent = model.latent
        self.codes.append((code, min(missing, len(code.z))))
        self.draws.append(code.z[:missing])
        self.own.append(exact(self.latent.log_prob(code, code.z))[:missing])
        self.prior.append(exact(model.rate_prior.log_prob(code.z))[:missing])

    def result(self) -> dict[str, float]:
        mixed = torch.cat([self._log_mixture(draw) for draws in self.draws for draw in draws])
        own, prior = torch.cat(self.own), torch.cat(self.prior)
        return {"information": (own - mixed).mean().item(), "mismatch": (mixed - prior).mean().item()}

    def _log_mixture(self, draw: Tensor) -> Tensor:
        """log q(z) of one draw, in nats: [*code] -> [1]"""
        each = [exact(self.latent.log_prob(code, draw.expand_as(code.z)))[:kept] for code, kept in self.codes]
        logs = torch.cat(each)
        return logs.logsumexp(dim=0, keepdim=True) - math.log(len(logs))
