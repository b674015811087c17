"""Latents: from features to a code."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.code import GaussianCode
from aezoo.nn.divergence import kl_by_value
from aezoo.nn.prior import LOG_2PI, StandardNormal
from aezoo.nn.selection import SelectedCode, largest_of_each, pays, select

#: Beyond these the posterior is a point or exp(logvar) overflows. `clamp` has no gradient outside.
LOGVAR = (-10.0, 10.0)


class ActivatedCode(NamedTuple):
    """A code and what it was before its activation or selection."""

    z: Tensor  # [B, *code]
    pre: Tensor  # [B, *code]


def projection(shape: tuple[int, ...], dim: int, *, spatial: bool) -> nn.Module:
    """An affine map from features [B, *shape] to [B, dim], or to [B, dim, *grid] with a kernel of 1.

    Args:
        shape: Of a sample's features.
        dim: Width of the output: values, or channels.
        spatial: Whether the grid is kept.
    """
    if spatial:
        convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(shape) - 2]
        return convolution(shape[0], dim, kernel_size=1)
    return nn.Linear(math.prod(shape), dim)


def flatten_for(project: nn.Module, h: Tensor) -> Tensor:
    """Features in the shape that the projection takes: flat for a linear one."""
    return h.flatten(1) if h.ndim > 2 and isinstance(project, nn.Linear) else h


class Deterministic(nn.Module):
    """activation(map(h)): the classical code.

    Args:
        project: The affine map.
        activation: Applied to the map's output.

    Shape:
        h: [B, *shape] -> z, pre: [B, D], or [B, D, *grid]
    """

    def __init__(self, project: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.project = project
        self.activation = activation

    def forward(self, h: Tensor, generator: Generator | None = None) -> ActivatedCode:
        project, activation = self.project, self.activation
        pre = project(flatten_for(project, h))
        return ActivatedCode(pre if isinstance(activation, nn.Identity) else activation(pre), pre)


class DiagonalGaussian:
    """Base of latents whose code is a `GaussianCode`: density, draws and divergence of the posterior."""

    def log_prob(self, code: GaussianCode, z: Tensor) -> Tensor:
        """log q(z | x) of each sample, in nats.

        Shape:
            z: [B, *code] -> [B]
        """
        scaled = (z - code.mean).square() * (-code.logvar).exp()
        return -0.5 * (scaled + code.logvar + LOG_2PI).flatten(1).sum(dim=-1)

    def redraw(self, code: GaussianCode, generator: Generator) -> GaussianCode:
        """The code with another draw of each sample's posterior."""
        return self.reparameterize(code, standard_normal(code.mean, generator))

    def reparameterize(self, code: GaussianCode, noise: Tensor) -> GaussianCode:
        """The code whose draw is mean + exp(logvar / 2) noise.

        Shape:
            noise: [B or 1, *code]
        """
        return code._replace(z=torch.addcmul(code.mean, (code.logvar / 2).exp(), noise))

    def kl(self, code: GaussianCode, prior: object) -> Tensor | None:
        """The divergence of each value from N(0, 1); None for another prior.

        Shape:
            -> [B, *code]
        """
        return kl_by_value(code.mean, code.logvar) if isinstance(prior, StandardNormal) else None


def standard_normal(like: Tensor, generator: Generator) -> Tensor:
    """Noise of the shape, device and type of another tensor."""
    return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)


class Gaussian(DiagonalGaussian, nn.Module):
    """A diagonal Gaussian posterior, drawn from by reparameterisation.

    Kingma and Welling 2013, "Auto-encoding variational Bayes", arXiv:1312.6114.

    Args:
        project: One affine map to 2 D outputs, mean then logvar; to D, if all samples share a logvar.
        shared: Shape [D, 1, ...] of the logvar that all samples share, or None.
        bounds: What a logvar is clamped to.

    Shape:
        h: [B, *shape] -> z, mean, logvar: [B, D], or [B, D, *grid]
    """

    def __init__(
        self, project: nn.Module, *, shared: tuple[int, ...] | None = None, bounds: tuple[float, float] = LOGVAR
    ) -> None:
        super().__init__()
        self.project = project
        self.bounds = bounds
        self.logvar = None if shared is None else nn.Parameter(torch.zeros(shared))

    def forward(self, h: Tensor, generator: Generator | None = None) -> GaussianCode:
        project = self.project
        mean, logvar = self._posterior(project(flatten_for(project, h)))
        logvar = logvar.clamp(*self.bounds)
        code = GaussianCode(mean, mean, logvar)
        return code if generator is None else self.redraw(code, generator)

    def _posterior(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        if self.logvar is None:
            mean, logvar = projected.chunk(2, dim=1)
            return mean, logvar
        return projected, self.logvar.expand_as(projected)


class TopK(nn.Module):
    """Keep the `k` largest units of each sample, zero the others.

    Makhzani and Frey 2013, "k-sparse autoencoders", arXiv:1312.5663; with the relu of Gao et al. 2024,
    arXiv:2406.04093, section 2.3.

    Args:
        project: The affine map to D units.
        k: How many units may be active.

    Shape:
        h: [B, *shape] -> z, pre: [B, D]
    """

    def __init__(self, project: nn.Linear, *, k: int) -> None:
        super().__init__()
        self.project = project
        self.k = k

    def forward(self, h: Tensor, generator: Generator | None = None) -> ActivatedCode | SelectedCode:
        h = h.flatten(1)
        if self.training and pays(h, self.project, self.k):
            return select(h, self.project, partial(largest_of_each, k=self.k))
        pre = self.project(h)
        return ActivatedCode(largest(pre, self.k), pre)


def largest(pre: Tensor, k: int) -> Tensor:
    """The `k` largest values of each row as they are, those below zero and all others as zero.

    Shape:
        pre: [B, D] -> [B, D]
    """
    top = pre.topk(k, dim=-1, sorted=False)
    # relu: with fewer than k positive units, topk would let negative ones through.
    return torch.zeros_like(pre).scatter(-1, top.indices, top.values.relu())
