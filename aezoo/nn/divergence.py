"""Divergences between a posterior and its prior."""

from __future__ import annotations

from torch import Tensor, nn

from aezoo.nn.code import Output


def kl_to_standard_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, I)) of each sample, in nats (arXiv:1312.6114, appendix B).

    Shape:
        mean, logvar: [B, *code] -> [B]
    """
    return _kl_by_value(mean, logvar).flatten(1).sum(dim=-1)


def _kl_by_value(mean: Tensor, logvar: Tensor) -> Tensor:
    # expm1 keeps the digits that exp(logvar) - 1 loses close to the prior.
    return 0.5 * (mean.square() + logvar.expm1() - logvar)


class StandardNormalKL(nn.Module):
    """Mean over the batch of the KL divergence to the standard normal, in nats.

    Args:
        free_bits: Nats below which the batch mean of a latent value's KL costs a constant, so that the value
            gains nothing by collapsing (Kingma et al. 2016, arXiv:1606.04934, appendix C.8; there by groups).
        capacity: Nats that the code should carry: the term is |KL - capacity| (Burgess et al. 2018,
            arXiv:1804.03599, equation 8).
    """

    def __init__(self, *, free_bits: float = 0.0, capacity: float = 0.0) -> None:
        super().__init__()
        self.free_bits = free_bits
        self.capacity = capacity

    def forward(self, out: Output) -> Tensor:
        kl = _kl_by_value(out.code.mean, out.code.logvar).flatten(1)  # [B, D]
        if self.free_bits:
            return kl.mean(dim=0).clamp_min(self.free_bits).sum()
        total = kl.sum() / len(kl)
        return (total - self.capacity).abs() if self.capacity else total
