"""Gaussian densities of the data, whose variance comes from a parameter, the decoder or the batch."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from aezoo.nn.distributed import mean_of_all
from aezoo.nn.likelihood import LOG_2PI, LOWEST_LOG_SCALE, OUTPUTS, Scaled, normal, total


class Gaussian(Scaled):
    """Independent Gaussians around the mean, of one standard deviation (fixed or learned).

    Shape:
        raw, x: [B, *shape]
    """

    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        log_scale = self.log_scale_now()
        error = (self.output(raw) - x) * (-log_scale).exp()
        return 0.5 * error.square() + (log_scale + 0.5 * LOG_2PI)

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        log_scale = self.log_scale_now()
        error = (self.output(raw) - x) * (-log_scale).exp()
        # Channels are equally large: the mean of their log scales counts once per value.
        return 0.5 * total(error.square()) + x[0].numel() * (log_scale.mean() + 0.5 * LOG_2PI)

    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor:
        return self.mean(raw) + self.log_scale_now().exp() * normal(raw, generator)


class GaussianPerValue(nn.Module):
    """Independent Gaussians, mean and log standard deviation both from the decoder, stacked as channels.

    The log standard deviation bends softly at -6 (Rybkin et al. 2020, arXiv:2006.13202, appendix A).

    Shape:
        raw: [B, 2 C, ...]
        x: [B, C, ...]
    """

    def __init__(self, *, output: str = "identity") -> None:
        super().__init__()
        self.output = OUTPUTS[output]

    def mean(self, raw: Tensor) -> Tensor:
        return self.output(raw.chunk(2, dim=1)[0])

    def log_scale(self, raw: Tensor) -> Tensor:
        return LOWEST_LOG_SCALE + F.softplus(raw.chunk(2, dim=1)[1] - LOWEST_LOG_SCALE)

    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        log_scale = self.log_scale(raw)
        error = (self.mean(raw) - x) * (-log_scale).exp()
        return 0.5 * (error.square() + LOG_2PI) + log_scale

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        return total(self.nll_values(raw, x))

    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor:
        mean = self.mean(raw)
        return mean + self.log_scale(raw).exp() * normal(mean, generator)


class OptimalGaussian(nn.Module):
    """Independent Gaussians of the maximum likelihood variance: the batch's mean squared error.

    The sigma-VAE (Rybkin et al. 2020, arXiv:2006.13202, section 3.2): the batch's mean is D / 2 (1 + ln 2 pi
    s^2). At its optimum the derivative by s^2 is zero, so s^2 needs no gradient. In evaluation the variance is a
    running mean of training's, so that the density of a sample does not depend on the rest of its batch.

    Args:
        output: Function that the mean passes through.
        momentum: Share of the past in the running mean.

    Shape:
        raw, x: [B, *shape]
    """

    running: Tensor
    seen: Tensor

    def __init__(self, *, output: str = "identity", momentum: float = 0.99) -> None:
        super().__init__()
        self.output = OUTPUTS[output]
        self.momentum = momentum
        self.register_buffer("running", torch.zeros(()))  # sum of weighted variances
        self.register_buffer("seen", torch.zeros(()))  # sum of those weights

    @property
    def variance(self) -> Tensor:
        """The running mean over training; 1 before the first batch."""
        return torch.where(self.seen > 0, self.running / self.seen, torch.ones_like(self.seen))

    def mean(self, raw: Tensor) -> Tensor:
        return self.output(raw)

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        error = (self.output(raw) - x).square()
        variance = self._update(mean_of_all(error.detach().mean(), error.numel())) if self.training else self.variance
        return total(error) / (2 * variance) + 0.5 * x[0].numel() * (variance.log() + LOG_2PI)

    def _update(self, variance: Tensor) -> Tensor:
        variance = variance.clamp_min(math.exp(2 * LOWEST_LOG_SCALE))
        self.running.lerp_(variance.to(self.running.dtype), 1 - self.momentum)
        self.seen.lerp_(torch.ones_like(self.seen), 1 - self.momentum)
        return variance

    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor:
        return self.mean(raw) + self.variance.sqrt() * normal(raw, generator)
