"""Densities of the data, with the decoder's output as parameters.

Each module has `mean(raw) -> [B, *shape]`, `nll(raw, x) -> [B]` in nats, summed over the sample with all its
constants, and `sample(raw, generator) -> [B, *shape]`. A density that is a product over the values of a sample also has
`nll_values(raw, x) -> [B, *shape]`, whose sum is `nll`; `nll` adds up the constants once, which is faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from aezoo.nn.code import Output

LOG_2PI = math.log(2 * math.pi)
#: No learned scale goes below exp(-6) = 0.0025: there the density of a perfect reconstruction would be
#: infinite.
LOWEST_LOG_SCALE = -6.0

#: Functions that a mean may pass through.
OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda raw: raw,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


def total(values: Tensor) -> Tensor:
    """Sum over all axes of a sample.

    Shape:
        values: [B, *shape] -> [B]
    """
    return values.flatten(1).sum(dim=-1)


def normal(like: Tensor, generator: Generator | None) -> Tensor:
    """Standard normal noise of this shape."""
    return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)


def uniform(like: Tensor, generator: Generator | None) -> Tensor:
    """Uniform noise on [0, 1) of this shape."""
    return torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)


class Bernoulli(nn.Module):
    """Independent bits with logits `raw`; a density of data in {0, 1}, a bound of cross-entropies on [0, 1].

    Shape:
        raw, x: [B, *shape]
    """

    def mean(self, raw: Tensor) -> Tensor:
        return raw.sigmoid()

    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(raw, x, reduction="none")

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        return total(self.nll_values(raw, x))

    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor:
        return torch.bernoulli(raw.sigmoid(), generator=generator)


class ContinuousBernoulli(nn.Module):
    """A density on [0, 1] proportional to p^x (1 - p)^(1 - x), with logits `raw`.

    Loaiza-Ganem and Cunningham 2019, arXiv:1907.06845. With l = logit(p) its constant is l / tanh(l / 2), and
    its mean 1 / (1 - exp(-l)) - 1 / l; both are smooth at 0, where their series stand in.

    Shape:
        raw, x: [B, *shape]
    """

    def mean(self, raw: Tensor) -> Tensor:
        near, safe = _split_at_zero(raw, 0.5)  # wider than in `nll`: a difference of two reciprocals loses more digits
        series = 0.5 + raw / 12 - raw**3 / 720 + raw**5 / 30240
        return torch.where(near, series, -1 / torch.expm1(-safe) - 1 / safe)

    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        near, safe = _split_at_zero(raw, 0.02)
        log_constant = torch.where(near, math.log(2) + raw.square() / 12, (safe / (safe / 2).tanh()).log())
        return F.binary_cross_entropy_with_logits(raw, x, reduction="none") - log_constant

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        return total(self.nll_values(raw, x))

    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor:
        u = uniform(raw, generator)
        near, safe = _split_at_zero(raw, 1e-6)
        # The inverse of the distribution function for -|l|, whose expm1 cannot overflow; mirrored for
        # positive l.
        steep = -safe.abs()
        drawn = torch.log1p(u * steep.expm1()) / steep
        return torch.where(near, u, torch.where(raw > 0, 1 - drawn, drawn))


def _split_at_zero(logits: Tensor, width: float) -> tuple[Tensor, Tensor]:
    # `where` differentiates both of its branches: an infinite value in the other one would make the gradient NaN.
    near = logits.abs() < width
    return near, logits.masked_fill(near, 1.0)


class SquaredError(nn.Module):
    """Sum of squared errors. No density: it has no scale and no constant, so it has no nats and no ELBO.

    Shape:
        raw, x: [B, *shape]
    """

    def __init__(self, *, output: str = "identity") -> None:
        super().__init__()
        self.output = OUTPUTS[output]

    def mean(self, raw: Tensor) -> Tensor:
        return self.output(raw)

    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        return (self.output(raw) - x).square()

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        return total(self.nll_values(raw, x))

    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor:
        """The mean: there is no density to draw from."""
        return self.mean(raw)


class Scaled(nn.Module):
    """A location and a scale: fixed, or one learned number, or one per channel.

    Args:
        shape: Of a sample.
        scale: The scale, or its initial value.
        learned: Whether it is trained.
        per_channel: One scale for each entry of the first axis.
        output: Function that the mean passes through.
    """

    log_scale: Tensor

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        scale: float = 1.0,
        learned: bool = False,
        per_channel: bool = False,
        output: str = "identity",
    ) -> None:
        super().__init__()
        self.output = OUTPUTS[output]
        size = (shape[0], *(1 for _ in shape[1:])) if per_channel else ()
        log_scale = torch.full(size, math.log(scale))
        if learned:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale)
        self.learned = learned

    def log_scale_now(self) -> Tensor:
        return self.log_scale.clamp_min(LOWEST_LOG_SCALE) if self.learned else self.log_scale

    def mean(self, raw: Tensor) -> Tensor:
        return self.output(raw)


class Laplace(Scaled):
    """Independent Laplace densities around the mean: absolute errors.

    Shape:
        raw, x: [B, *shape]
    """

    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        log_scale = self.log_scale_now()
        return (self.output(raw) - x).abs() * (-log_scale).exp() + (log_scale + math.log(2))

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        log_scale = self.log_scale_now()
        error = total((self.output(raw) - x).abs() * (-log_scale).exp())
        return error + x[0].numel() * (log_scale.mean() + math.log(2))

    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor:
        u = 2 * uniform(raw, generator) - 1  # [-1, 1)
        size = -torch.log1p(-u.abs().clamp_max(1 - 1e-7))
        return self.mean(raw) + self.log_scale_now().exp() * size * u.sign()


class Huber(Scaled):
    """Quadratic near the mean, linear from `delta` scales on: Huber's (1964) least favourable density.

    With r = error / scale it is exp(-rho(r)) / (Z scale), rho(r) = r^2 / 2 up to delta and delta |r| -
    delta^2 / 2 beyond, Z = sqrt(2 pi) erf(delta / sqrt 2) + 2 exp(-delta^2 / 2) / delta.

    Shape:
        raw, x: [B, *shape]
    """

    def __init__(self, shape: tuple[int, ...], *, delta: float, scale: float = 1.0, output: str = "identity") -> None:
        super().__init__(shape, scale=scale, output=output)
        self.delta = delta
        self.core = math.sqrt(2 * math.pi) * math.erf(delta / math.sqrt(2))
        self.tails = 2 * math.exp(-(delta**2) / 2) / delta

    def nll_values(self, raw: Tensor, x: Tensor) -> Tensor:
        return self._rho(raw, x) + (self.log_scale + math.log(self.core + self.tails))

    def nll(self, raw: Tensor, x: Tensor) -> Tensor:
        constant = self.log_scale.mean() + math.log(self.core + self.tails)
        return total(self._rho(raw, x)) + x[0].numel() * constant

    def _rho(self, raw: Tensor, x: Tensor) -> Tensor:
        error = (self.output(raw) - x) * (-self.log_scale).exp()
        return F.huber_loss(error, torch.zeros_like(error), reduction="none", delta=self.delta)

    def sample(self, raw: Tensor, generator: Generator | None = None) -> Tensor:
        u = 2 * uniform(raw, generator) - 1  # [-1, 1), its size is the distribution function of |r|
        mass = u.abs().clamp_max(1 - 1e-7) * (self.core + self.tails)
        inside = math.sqrt(2) * (mass.clamp_max(self.core) / math.sqrt(2 * math.pi)).erfinv()
        beyond = self.delta - ((self.core + self.tails - mass).clamp_max(self.tails) / self.tails).log() / self.delta
        size = torch.where(mass < self.core, inside, beyond)
        return self.mean(raw) + self.log_scale.exp() * size * u.sign()


def reconstruction(out: Output) -> Tensor:
    """-log p(target | z) of each sample in nats, of normalized values; with a mask, of the values that it counts.

    Every part that judges a reconstruction by its likelihood calls this, and so gets target and mask right.

    Shape:
        -> [B]
    """
    likelihood = out.model.likelihood
    if out.mask is None:
        return likelihood.nll(out.raw, out.target)  # type: ignore[no-any-return]
    return total(out.mask * likelihood.nll_values(out.raw, out.target))


class Reconstruction(nn.Module):
    """The standard objective: the batch mean of -log p(target | z), in nats."""

    by_sample = True

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        return {"reconstruction": reconstruction(out).mean()}
