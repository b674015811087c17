"""The sphere: a Power Spherical posterior, the even prior, and the shortest ways between codes."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import normalize, softplus

from aezoo.nn.latent import flatten_for, projection, standard_normal
from aezoo_densities.precision import wide

#: Below, the density is even; above, its angles are no longer told apart in float32. `clamp` has no gradient outside.
CONCENTRATION = (1e-3, 1e6)


class SphericalCode(NamedTuple):
    """A code on the unit sphere; `z` is the mean direction where nothing was drawn."""

    z: Tensor  # [B, D]
    mean: Tensor  # [B, D], of length 1
    concentration: Tensor  # [B, 1]


class PowerSpherical(nn.Module):
    """A posterior on the unit sphere, q(z | x) = (1 + mean . z)^k / N(k), a density per unit of the sphere's surface.

    De Cao and Aziz 2020, "The power spherical distribution", arXiv:2006.04437. The cosine of a draw to the mean is
    2 b - 1 with b from Beta((D - 1) / 2 + k, (D - 1) / 2), the rest is even around the mean; the gradient flows through
    the Gamma draws of b.

    Args:
        shape: Of a sample's features.
        dim: Values of a code, D >= 2: the sphere has one dimension fewer.

    Shape:
        h: [B, *shape] -> z, mean: [B, D], concentration: [B, 1]
    """

    def __init__(self, shape: tuple[int, ...], dim: int) -> None:
        super().__init__()
        self.project = projection(shape, dim + 1, spatial=False)

    def forward(self, h: Tensor, generator: Generator | None = None) -> SphericalCode:
        projected = self.project(flatten_for(self.project, h))
        mean = normalize(projected[:, :-1], dim=1)
        code = SphericalCode(mean, mean, softplus(projected[:, -1:]).clamp(*CONCENTRATION))
        return code if generator is None else self.redraw(code, generator)

    def log_prob(self, code: SphericalCode, z: Tensor) -> Tensor:
        """log q(z | x) of each sample, in nats; of the mean only its direction counts.

        Shape:
            z: [B, D], of length 1 -> [B]
        """
        # 1 + cos = |mean + z|^2 / 2, which keeps its digits where z is nearly opposite.
        closeness = (normalize(code.mean, dim=1) + z).square().sum(dim=1, keepdim=True) / 2
        log_density = code.concentration * closeness.clamp_min(torch.finfo(z.dtype).tiny).log()
        return (log_density - log_normalizer(code.concentration, z.shape[1])).squeeze(1)

    def redraw(self, code: SphericalCode, generator: Generator) -> SphericalCode:
        """The code with another draw of each sample's posterior."""
        mean, half = code.mean, torch.full_like(code.concentration, (code.mean.shape[1] - 1) / 2)
        near, far = (torch._standard_gamma(shape, generator) for shape in (half + code.concentration, half))
        total = near + far
        noise = standard_normal(mean, generator)
        across = normalize(noise - (noise * mean).sum(dim=1, keepdim=True) * mean, dim=1)
        # The sine 2 sqrt(b (1 - b)), not from the cosine: close to the mean that would cancel.
        return code._replace(z=(near - far) / total * mean + 2 * (near * far).sqrt() / total * across)

    def kl(self, code: SphericalCode, prior: object) -> Tensor | None:
        """The divergence from the even density; None for another prior (arXiv:2006.04437, section 3.2).

        Shape:
            -> [B, 1]
        """
        if not isinstance(prior, UniformSphere):
            return None
        k, dim = wide(code.concentration), code.mean.shape[1]
        half = (dim - 1) / 2
        mean_log = math.log(2) + torch.digamma(half + k) - torch.digamma(2 * half + k)
        return (k * mean_log - log_normalizer(k, dim) + log_area(dim)).to(code.mean.dtype)

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """On the great circle from `a` to `b`; of opposite codes, through no point for certain."""
        return slerp(a, b, t)


class UniformSphere(nn.Module):
    """Evenly over the unit sphere: a density per unit of its surface.

    Shape:
        z: [B, D] -> log_prob: [B]
    """

    origin: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        # A buffer only to follow the model's device and dtype: not saved.
        self.register_buffer("origin", torch.zeros(dim), persistent=False)

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """`n` codes; the generator lives on the module's device."""
        like = self.origin
        noise = torch.randn((n, len(like)), generator=generator, device=like.device, dtype=like.dtype)
        return normalize(noise, dim=1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats."""
        return z.new_full((len(z),), -log_area(z.shape[1]))

    def fit(self, codes: Tensor) -> None:
        """Nothing to learn."""


def log_normalizer(k: Tensor, dim: int) -> Tensor:
    """log of the integral of (1 + mean . z)^k over the unit sphere in `dim` dimensions (arXiv:2006.04437, equation 6).

    Shape:
        k: [B, 1] -> the same
    """
    half = (dim - 1) / 2
    # In float64: two large logarithms differ by little.
    exact = wide(k)
    power = (2 * half + exact) * math.log(2) + half * math.log(math.pi)
    return (power + torch.lgamma(half + exact) - torch.lgamma(2 * half + exact)).to(k.dtype)


def log_area(dim: int) -> float:
    """log of the surface of the unit sphere in `dim` dimensions: log 2 pi for 2, log 4 pi for 3."""
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The point at the share `t` of the great circle from `a` to `b`, of length 1.

    Shape:
        a, b: [B, D], of length 1; t: [B, 1] -> [B, D]
    """
    # Of small angles and of nearly flat ones the arc cosine loses half of its digits.
    angle = 2 * torch.atan2((a - b).norm(dim=1, keepdim=True), (a + b).norm(dim=1, keepdim=True))
    across = normalize(b - (a * b).sum(dim=1, keepdim=True) * a, dim=1)
    return (t * angle).cos() * a + (t * angle).sin() * across
