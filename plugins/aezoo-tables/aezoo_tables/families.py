"""Densities of the columns of one kind. What they are given of a column stands on the last axis of `raw`.

    mean(raw) -> [B, N]     nll(raw, x) -> [B, N] in nats     sample(raw, generator) -> [B, N]

for N columns, raw: [B, N, P], x: [B, N]. Values of x are not checked here, but when data are read. Densities of counts
are computed in float64, where the device knows it: the logarithms of factorials that they are differences of are large.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from aezoo.nn.likelihood import LOG_2PI, LOWEST_LOG_SCALE, normal, uniform

#: Below, log softplus(x) is x to double precision.
_FAR = -30.0
#: Ends of the log of r: further down a draw is all but always 0, further up it is a Poisson's.
_DISPERSIONS = (-10.0, 16.0)


class Family(nn.Module):
    """Columns of one kind, in the order in which they stand in the table."""

    #: How many numbers the decoder gives of each column.
    given = 1

    def start(self, x: Tensor, known: Tensor) -> None:
        """Start from the first batch, [B, N], of which the values count where `known` is not 0."""

    def mean(self, raw: Tensor) -> Tensor:
        raise NotImplementedError

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        raise NotImplementedError

    def sample(self, raw: Tensor, generator: Generator | None) -> Tensor:
        raise NotImplementedError


class Gaussian(Family):
    """The mean is given, the standard deviation of each column is learned, from 1 on."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(n))

    def _log_scale(self) -> Tensor:
        return self.log_scale.clamp_min(LOWEST_LOG_SCALE)

    def mean(self, raw: Tensor) -> Tensor:
        return raw[..., 0]

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        log_scale = self._log_scale()
        error = (x - self.mean(raw)) * (-log_scale).exp()
        return 0.5 * (error.square() + LOG_2PI) + log_scale

    def sample(self, raw: Tensor, generator: Generator | None) -> Tensor:
        mean = self.mean(raw)
        return mean + self._log_scale().exp() * normal(mean, generator)


class Classes(Family):
    """Classes, by the logarithms of their probabilities; its mean is the most probable one."""

    def log_probabilities(self, raw: Tensor) -> Tensor:
        """[B, N, P] -> [B, N, K]"""
        raise NotImplementedError

    def mean(self, raw: Tensor) -> Tensor:
        return self.log_probabilities(raw).argmax(dim=-1).to(raw.dtype)

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        log_p = self.log_probabilities(raw)
        # Classes are checked when data are read; this only keeps an index within bounds.
        chosen = x.round().clamp(0, log_p.shape[-1] - 1).long()
        return -log_p.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)

    def sample(self, raw: Tensor, generator: Generator | None) -> Tensor:
        below = self.log_probabilities(raw).exp().cumsum(dim=-1)[..., :-1]
        u = uniform(below[..., 0], generator)
        return (u.unsqueeze(-1) >= below).sum(dim=-1).to(raw.dtype)


class Categorical(Classes):
    """Logits of the classes are given."""

    def __init__(self, n: int, classes: int) -> None:
        super().__init__()
        self.given = classes

    def log_probabilities(self, raw: Tensor) -> Tensor:
        return raw.log_softmax(dim=-1)


class Ordinal(Classes):
    """Ordered classes: P(x <= k) = sigmoid(c_k - a), of a given location a and learned thresholds c.

    McCullagh 1980, "Regression models for ordinal data". At a = 0 the classes are equally probable at first.
    """

    def __init__(self, n: int, classes: int) -> None:
        super().__init__()
        at = torch.arange(1, classes) / classes
        start = at.logit()
        start[1:] = start.diff().log()
        #: The first threshold of a column, and the logarithms of the gaps between them, which keep their order.
        self.thresholds = nn.Parameter(start.repeat(n, 1))

    def log_probabilities(self, raw: Tensor) -> Tensor:
        gaps = self.thresholds[:, 1:].clamp_min(LOWEST_LOG_SCALE).exp()
        cuts = torch.cat([self.thresholds[:, :1], gaps], dim=1).cumsum(dim=1) - raw  # [B, N, K - 1]
        up_to, beyond = F.logsigmoid(cuts), F.logsigmoid(-cuts)
        # sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)): no digits are lost far from the thresholds.
        between = up_to[..., 1:] + beyond[..., :-1] + (-torch.expm1(-gaps)).log()
        return torch.cat([up_to[..., :1], between, beyond[..., -1:]], dim=-1)


class Counts(Family):
    """Counts of a given mean, m softplus(raw) / log 2, where m is that of the first batch."""

    unit: Tensor

    def __init__(self, n: int) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones(n))

    @torch.no_grad()
    def start(self, x: Tensor, known: Tensor) -> None:
        weights = (known != 0).to(x.dtype)
        mean = (weights * x).sum(dim=0) / weights.sum(dim=0).clamp_min(1)
        self.unit.copy_(torch.where(mean > 0, mean, 1.0))

    def rate(self, raw: Tensor) -> Tensor:
        """[B, N, P] -> [B, N]"""
        return self.unit * F.softplus(raw[..., 0]) / math.log(2)

    def log_rate(self, raw: Tensor) -> Tensor:
        """[B, N, P] -> [B, N]"""
        a = raw[..., 0]
        logs = torch.where(a < _FAR, a, F.softplus(a.clamp_min(_FAR)).log())
        return logs + (self.unit.to(a.dtype).log() - math.log(math.log(2)))

    def mean(self, raw: Tensor) -> Tensor:
        return self.rate(raw)


class Poisson(Counts):
    """log p(x) = x log mu - mu - log x!"""

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        raw, x = _exact(raw), _exact(x)
        return self.rate(raw) - x * self.log_rate(raw) + torch.lgamma(x + 1)

    def sample(self, raw: Tensor, generator: Generator | None) -> Tensor:
        return torch.poisson(self.rate(raw), generator)


class NegativeBinomial(Counts):
    """A Poisson whose rate is drawn from a gamma density of shape r and mean mu: its variance is mu + mu^2 / r.

    log p(x) = log G(x + r) - log G(r) - log x! + r log(r / (r + mu)) + x log(mu / (r + mu)), with the gamma function G;
    r is learned for each column, from 1 on.
    """

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.log_dispersion = nn.Parameter(torch.zeros(n))

    def _log_r(self) -> Tensor:
        return self.log_dispersion.clamp(*_DISPERSIONS)

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        raw, x, log_r = _exact(raw), _exact(x), _exact(self._log_r())
        log_mean, r = self.log_rate(raw), log_r.exp()
        log_both = torch.logaddexp(log_r, log_mean)
        ways = torch.lgamma(x + r) - torch.lgamma(r) - torch.lgamma(x + 1)
        return -(ways + r * (log_r - log_both) + x * (log_mean - log_both))

    def sample(self, raw: Tensor, generator: Generator | None) -> Tensor:
        mean, r = self.rate(raw), self._log_r().exp()
        return torch.poisson(mean / r * torch._standard_gamma(r.expand_as(mean), generator), generator)


class ZeroInflated(NegativeBinomial):
    """A negative binomial that is 0 with a further probability, whose logit is given."""

    given = 2

    def mean(self, raw: Tensor) -> Tensor:
        return self.rate(raw) * (-raw[..., 1]).sigmoid()

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        log_zero, log_count = F.logsigmoid(_exact(raw)[..., 1]), F.logsigmoid(-_exact(raw)[..., 1])
        counted = log_count - super().nll(raw, x)
        return -torch.where(x == 0, torch.logaddexp(log_zero, counted), counted)

    def sample(self, raw: Tensor, generator: Generator | None) -> Tensor:
        drawn = super().sample(raw, generator)
        return drawn * (uniform(drawn, generator) >= raw[..., 1].sigmoid())


def _exact(value: Tensor) -> Tensor:
    return value if value.device.type == "mps" else value.double()
