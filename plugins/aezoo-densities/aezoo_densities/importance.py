"""Importance weights p(x, z) / q(z | x) of draws of a code: a bound to train, and an estimate of log p(x).

                 ┌─ z_1 ─ decoder ─ w_1
x ── q(z | x) ───┼─ z_2 ─ decoder ─ w_2      log p(x) >= E log (w_1 + ... + w_k) / k
                 └─ z_k ─ decoder ─ w_k
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import cast

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.code import Output, Posterior
from aezoo.nn.divergence import log_ratio
from aezoo.nn.freezing import frozen
from aezoo.nn.latent import standard_normal
from aezoo.nn.likelihood import reconstruction
from aezoo.nn.metrics import nll

#: Values of the decoder's output that are computed at once for a metric: 8 MB of them.
VALUES = 2**21


def redrawn(out: Output, count: int, generator: Generator) -> Output:
    """A pass with further draws of each code: first of all samples, then of all samples again.

    Shape:
        of B samples -> of count * B
    """
    code = type(out.code)(*(value.repeat(count, *(1 for _ in value.shape[1:])) for value in out.code))
    code = _posterior(out).redraw(code, generator)
    return out.model.redecode(out.repeated(count), code, partial(standard_normal, generator=generator))


def _posterior(out: Output) -> Posterior:
    return cast(Posterior, out.model.latent)


class ImportanceWeighted(nn.Module):
    """The negative bound of log p(x) by k draws, averaged over the batch, in nats.

    Burda et al. 2015, "Importance weighted autoencoders", arXiv:1509.00519, equation 8. The first draw is that of the
    pass; where a pass draws nothing, its code is the only one.

    Args:
        k: How many codes are drawn of each sample.
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, out: Output, player: str) -> dict[str, Tensor]:
        weights = self.log_weights(out)  # [k, B]
        return {"bound": (math.log(len(weights)) - weights.logsumexp(dim=0)).mean()}

    def log_weights(self, out: Output) -> Tensor:
        """log p(x, z) - log q(z | x) of each draw: [k, B]."""
        weights = [_log_weights(out)]
        if self.k > 1 and out.generator is not None:
            weights.append(_log_weights(redrawn(out, self.k - 1, out.generator)))
        return torch.cat(weights).reshape(-1, len(out.x))


class DoublyReparameterized(ImportanceWeighted):
    """The same bound with another gradient of the encoder, of less variance: DReG.

    Tucker et al. 2018, "Doubly reparameterized gradient estimators for Monte Carlo objectives", arXiv:1810.04152,
    equation 8: the encoder's gradient flows through the draws alone, that of the i-th times its share w_i / sum_j w_j
    once more. The gradient of decoder and prior is that of the bound.
    """

    def log_weights(self, out: Output) -> Tensor:
        # Draws of its own: other terms may read those of the pass.
        drawn = out if out.generator is None else redrawn(out, self.k, out.generator)
        code, z = drawn.code, drawn.code.z
        constant = type(code)(*(value.detach() for value in code))
        with frozen(out.model.latent):
            log_q = _posterior(out).log_prob(constant, z)
        log_p = out.model.rate_prior.log_prob(z) - reconstruction(drawn)
        weights: Tensor = (log_p - log_q).reshape(-1, len(out.x))
        if z.requires_grad and out.generator is not None:
            shares = weights.detach().softmax(dim=0).reshape(-1, *(1 for _ in z.shape[1:]))
            z.register_hook(lambda gradient: gradient * shares)
        return weights


def _log_weights(out: Output) -> Tensor:
    return -(reconstruction(out) + log_ratio(out))


@torch.no_grad()
def log_likelihood(out: Output, k: int, *, seed: int = 0) -> Tensor:
    """log (1/k) sum_i p(x, z_i) / q(z_i | x) of each sample, in nats of the data, in float64 on the CPU.

    The draws come from the seed alone, so that a batch has one value whatever was measured before it.

    Args:
        out: A pass, of which only the posterior is used.
        k: How many codes are drawn of each sample.
        seed: Of the draws.

    Shape:
        -> [B]
    """
    generator = Generator(out.code.z.device).manual_seed(seed)
    total = torch.full((len(out.x),), -math.inf, dtype=torch.float64)
    for count in _chunks(k, max(1, VALUES // out.raw.numel())):
        drawn = redrawn(out, count, generator)
        weights = -(nll(drawn) + log_ratio(drawn)).cpu().double().reshape(count, -1)
        total = torch.logaddexp(total, weights.logsumexp(dim=0))
    return total - math.log(k)


def _chunks(count: int, most: int) -> Iterator[int]:
    """Whole numbers of at most `most` that add up to `count`."""
    yield from (most for _ in range(count // most))
    if count % most:
        yield count % most
