"""Hyperbolic space as the Poincare ball: a wrapped normal posterior and prior, and the shortest ways between codes.

The ball of radius 1 / sqrt(c) is the space of curvature -c. Its volume grows with the distance from the centre as the
number of a tree's branches does with depth. Densities are per unit of that (Riemannian) volume.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import normalize

from aezoo.nn.latent import LOGVAR, flatten_for, projection, standard_normal
from aezoo.nn.prior import LOG_2PI
from aezoo_densities.precision import wide

#: Codes keep this share of the radius off the boundary, where float32 has no digits left: a distance of 12.2 / sqrt(c)
#: from the centre.
MARGIN = 1e-5
#: A length that is none, in float32 too.
TINY = 1e-12


class WrappedCode(NamedTuple):
    """A code in the ball; `z` is the mean where nothing was drawn."""

    z: Tensor  # [B, D]
    mean: Tensor  # [B, D]
    log_scale: Tensor  # [B, D], log of the deviation along each axis of the tangent space


class WrappedNormal(nn.Module):
    """A normal density of the tangent space, wrapped around hyperbolic space: z = exp_mean(v / l), v of N(0, scale^2).

    Here l is the metric's factor at the mean, so that a vector v is as long as the way that it leads.
    Nagano et al. 2019, arXiv:1902.02992; Mathieu et al. 2019, "Continuous hierarchical representations with Poincare
    variational auto-encoders", arXiv:1901.06033, section 3.2.

    Args:
        shape: Of a sample's features.
        dim: Values of a code, D.
        curvature: c; the space has the curvature -c.

    Shape:
        h: [B, *shape] -> z, mean, log_scale: [B, D]
    """

    def __init__(self, shape: tuple[int, ...], dim: int, curvature: float) -> None:
        super().__init__()
        self.project = projection(shape, 2 * dim, spatial=False)
        self.ball = Ball(curvature)

    def forward(self, h: Tensor, generator: Generator | None = None) -> WrappedCode:
        direction, log_scale = self.project(flatten_for(self.project, h)).chunk(2, dim=1)
        mean = self.ball.from_centre(direction)
        code = WrappedCode(mean, mean, log_scale.clamp(LOGVAR[0] / 2, LOGVAR[1] / 2))
        return code if generator is None else self.redraw(code, generator)

    def log_prob(self, code: WrappedCode, z: Tensor) -> Tensor:
        """log q(z | x) of each sample, in nats.

        Shape:
            z: [B, D] -> [B]
        """
        return wrapped_log_prob(self.ball, z, code.mean, code.log_scale)

    def redraw(self, code: WrappedCode, generator: Generator) -> WrappedCode:
        """The code with another draw of each sample's posterior."""
        return self.reparameterize(code, standard_normal(code.mean, generator))

    def reparameterize(self, code: WrappedCode, noise: Tensor) -> WrappedCode:
        """The code whose draw this standard normal noise gives.

        Shape:
            noise: [B or 1, D]
        """
        return code._replace(z=self.ball.move(code.mean, code.log_scale.exp() * noise))

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """On the geodesic from `a` to `b`: an arc of a circle that meets the boundary at right angles."""
        return self.ball.move(a, t * self.ball.way(a, b))


class WrappedPrior(nn.Module):
    """The wrapped normal around the centre of the ball, of deviation 1 along each axis.

    Args:
        dim: Values of a code, D.
        curvature: c; the space has the curvature -c.

    Shape:
        z: [B, D] -> log_prob: [B]
    """

    centre: Tensor

    def __init__(self, dim: int, curvature: float) -> None:
        super().__init__()
        self.ball = Ball(curvature)
        # A buffer only to follow the model's device and dtype: not saved.
        self.register_buffer("centre", torch.zeros(1, dim), persistent=False)

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """`n` codes; the generator lives on the module's device."""
        like = self.centre
        noise = torch.randn((n, like.shape[1]), generator=generator, device=like.device, dtype=like.dtype)
        return self.ball.from_centre(noise)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats."""
        centre = self.centre.expand_as(z)
        return wrapped_log_prob(self.ball, z, centre, torch.zeros_like(centre))

    def fit(self, codes: Tensor) -> None:
        """Nothing to learn."""


class Ball:
    """The geometry of the Poincare ball of curvature -c (arXiv:1805.09112, section 2).

    A vector is given by its own length, not by that in the ball's coordinates: `move(x, v)` leads to a point at the
    distance |v| from x. All is computed in float64: near the boundary large numbers differ by little.
    """

    def __init__(self, curvature: float) -> None:
        self.c = curvature
        self.root = math.sqrt(curvature)

    def from_centre(self, v: Tensor) -> Tensor:
        """The point that a vector at the centre leads to: [B, D] -> [B, D]."""
        length = (self.root * _length(wide(v))).clamp_min(TINY)
        return self.inside(wide(v) * (length / 2).tanh() / length).to(v.dtype)

    def move(self, x: Tensor, v: Tensor) -> Tensor:
        """The point that a vector at `x` leads to: [B, D] each."""
        kind, x, v = x.dtype, wide(x), wide(v)
        # x + y of the ball, y where v leads from the centre; by how much each falls short of the boundary and how far
        # they are from opposite, since of 1 + 2 c x.y + c^2 |x|^2 |y|^2 no digits are left near the boundary.
        length = self.root * _length(v)
        r, s, short = self.root * _length(x), (length / 2).tanh(), 2 * torch.sigmoid(-length)
        ahead = normalize(v, dim=1, eps=TINY)
        from_opposite = normalize(x, dim=1, eps=TINY) + ahead
        turned = r * s * _dot(from_opposite, from_opposite)
        along = short.square() + 2 * s * (1 - r) + turned
        added = along * x + (1 - r) * (1 + r) * s * ahead / self.root
        return self.inside(added / ((1 - r + r * short).square() + turned)).to(kind)

    def way(self, x: Tensor, z: Tensor) -> Tensor:
        """The vector at `x` that leads to `z`: [B, D] each."""
        # (-x) + z of the ball, up to a factor, in a form that does not cancel where both are close.
        kind, x, z = x.dtype, wide(x), wide(z)
        apart = z - x
        direction = (1 - self.c * _dot(x, x)) * apart - self.c * _dot(apart, apart) * x
        return (self.distance(x, z) * normalize(direction, dim=1, eps=TINY)).to(kind)

    def distance(self, x: Tensor, z: Tensor) -> Tensor:
        """How far points are from each other: [B, D] each -> [B, 1]."""
        kind, x, z = x.dtype, wide(x), wide(z)
        apart = self.root * _length(z - x)
        return (2 / self.root * torch.asinh(apart / (self._room(x) * self._room(z)).sqrt())).to(kind)

    def log_stretch(self, distance: Tensor) -> Tensor:
        """log (sinh r / r), r = sqrt(c) distance: how much wider space is so far away than its tangent space."""
        r = (self.root * distance).clamp_min(TINY)
        return r + (-torch.expm1(-2 * r) / (2 * r)).log()

    def inside(self, z: Tensor) -> Tensor:
        """Points, those too near to the boundary moved inwards."""
        most = (1 - MARGIN) / self.root
        return z * (most / _length(z).clamp_min(most))

    def _room(self, x: Tensor) -> Tensor:
        """1 - c |x|^2: [B, D] -> [B, 1]."""
        share = self.root * _length(x)
        return ((1 - share) * (1 + share)).clamp_min(MARGIN)


def wrapped_log_prob(ball: Ball, z: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log density of the wrapped normal, in nats (arXiv:1901.06033, equation 4).

    Shape:
        z, mean, log_scale: [B, D] -> [B]
    """
    scaled = ball.way(mean, z) * (-log_scale).exp()
    normal = -0.5 * (scaled.square() + LOG_2PI).sum(dim=1) - log_scale.sum(dim=1)
    return normal - (z.shape[1] - 1) * ball.log_stretch(ball.distance(mean, z)).squeeze(1)


def _dot(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum(dim=1, keepdim=True)


def _length(x: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return length
