"""Rates: what a code costs, the divergence of a posterior from the prior that the model is trained with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from aezoo.nn.code import Output


def rate_values(out: Output) -> Tensor:
    """What each sample's code costs, in nats, in parts that add up to the rate.

    In closed form where the latent has one, for each value where that is a sum over values; else
    log q(z | x) - log p(z) at the draw that the pass made, an unbiased estimate in one part.

    Shape:
        -> [B, parts]
    """
    closed = closed_form(out)
    if closed is not None:
        return closed
    model, code = out.model, out.code
    return (model.latent.log_prob(code, code.z) - model.rate_prior.log_prob(code.z)).unsqueeze(1)  # type: ignore[operator, no-any-return]


def closed_form(out: Output) -> Tensor | None:
    """`rate_values` in closed form; None where there is none for this prior: the rate then depends on the draw."""
    # At each step: `isinstance` with a protocol looks up all its attributes, which takes 30 microseconds.
    kl: Callable[[Any, Any], Tensor | None] | None = getattr(out.model.latent, "kl", None)
    divergence = kl(out.code, out.model.rate_prior) if kl else None
    return None if divergence is None else divergence.reshape(len(divergence), -1)


def rate(out: Output) -> Tensor:
    """KL(q(z | x) || p(z)) of each sample, in nats, or its estimate by the draw that the pass made.

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
            where the divergence is a sum over values, else the whole code.
        capacity: Nats that the code should carry: the term is |rate - capacity| (Burgess et al. 2018,
            arXiv:1804.03599, equation 8).
    """

    def __init__(self, *, free_bits: float | None = None, capacity: float | None = None) -> None:
        super().__init__()
        self.free_bits = free_bits
        self.capacity = capacity

    def forward(self, out: Output) -> Tensor:
        values = rate_values(out)  # [B, parts]
        if self.free_bits is not None:
            return values.mean(dim=0).clamp_min(self.free_bits).sum()
        total = values.sum() / len(values)
        return total if self.capacity is None else (total - self.capacity).abs()


#: The former name of `Rate`, which plugins may import.
StandardNormalKL = Rate
