"""Rates: what a code costs, the divergence of a posterior from the prior that the model is trained with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from aezoo.nn.code import Level, Output


def rate_values(out: Output) -> Tensor:
    """What each sample's code costs, in nats, in parts that add up to the rate.

    In closed form where the latent has one, for each value where that is a sum over values; else
    log q(z | x) - log p(z) at the draw that the pass made, an unbiased estimate in one part. The levels below the code
    follow in the same way, each at the draws of those above.

    Shape:
        -> [B, parts]
    """
    if out.levels:
        return torch.cat(rate_values_by_level(out), dim=1)
    return _of_code(out)


def rate_values_by_level(out: Output) -> list[Tensor]:
    """`rate_values` of the code, and of each level below it.

    Shape:
        -> [B, parts] each
    """
    return [_of_code(out), *map(_of_level, out.levels)]


def log_ratio(out: Output) -> Tensor:
    """log q - log p of the code and all levels below it at their draws, never in closed form, in nats.

    Shape:
        -> [B]
    """
    total = _log_ratio_of_code(out)
    for level in out.levels:
        total = total + level.log_ratio()
    return total


def _of_code(out: Output) -> Tensor:
    closed = _closed_form_of_code(out)
    return _log_ratio_of_code(out).unsqueeze(1) if closed is None else closed


def _of_level(level: Level) -> Tensor:
    divergence = level.kl()
    return level.log_ratio().unsqueeze(1) if divergence is None else divergence.reshape(len(divergence), -1)


def _log_ratio_of_code(out: Output) -> Tensor:
    model, code = out.model, out.code
    return model.latent.log_prob(code, code.z) - model.rate_prior.log_prob(code.z)  # type: ignore[operator, no-any-return]


def closed_form(out: Output) -> Tensor | None:
    """`rate_values` in closed form; None where the rate depends on the draw.

    It does where there is no closed form for this prior, and where levels below the code have posteriors and priors
    that depend on it.
    """
    return None if out.levels else _closed_form_of_code(out)


def _closed_form_of_code(out: Output) -> Tensor | None:
    # At each step: `isinstance` with a protocol looks up all its attributes, which takes 30 microseconds.
    kl: Callable[[Any, Any], Tensor | None] | None = getattr(out.model.latent, "kl", None)
    divergence = kl(out.code, out.model.rate_prior) if kl else None
    return None if divergence is None else divergence.reshape(len(divergence), -1)


def rate(out: Output) -> Tensor:
    """KL(q(z | x) || p(z)) of each sample, in nats, or its estimate by the draw that the pass made; of all levels.

    Shape:
        -> [B]
    """
    return rate_values(out).sum(dim=-1)


def kl_to_standard_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, I)) of each sample, in nats (arXiv:1312.6114, appendix B).

    Shape:
        mean, logvar: [B, *code] -> [B]
    """
    return kl_by_value(mean, logvar).flatten(1).sum(dim=-1)


def kl_by_value(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)) of each value, in nats.

    Shape:
        mean, logvar: [B, *code] -> the same
    """
    # expm1 keeps the digits that exp(logvar) - 1 loses close to the prior.
    return 0.5 * (mean.square() + logvar.expm1() - logvar)


class Rate(nn.Module):
    """Mean over the batch of the rate, in nats.

    Args:
        free_bits: Nats below which the batch mean of a part of the rate costs a constant, so that the part gains
            nothing by collapsing (Kingma et al. 2016, arXiv:1606.04934, appendix C.8). A part is a value of the code
            or level where its divergence is a sum over values, else the whole code or level.
        capacity: Nats that the code should carry: the term is |rate - capacity| (Burgess et al. 2018,
            arXiv:1804.03599, equation 8).
    """

    def __init__(self, *, free_bits: float | None = None, capacity: float | None = None) -> None:
        super().__init__()
        self.free_bits = free_bits
        self.capacity = capacity

    @property
    def by_sample(self) -> bool:
        """Whether the term is a mean over samples."""
        return self.free_bits is None and self.capacity is None

    def forward(self, out: Output) -> Tensor:
        values = rate_values(out)  # [B, parts]
        if self.free_bits is not None:
            return values.mean(dim=0).clamp_min(self.free_bits).sum()
        total = values.sum() / len(values)
        return total if self.capacity is None else (total - self.capacity).abs()


#: The former name of `Rate`, which plugins may import.
StandardNormalKL = Rate
