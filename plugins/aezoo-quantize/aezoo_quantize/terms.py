"""Terms of the loss for quantized codes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aezoo.nn.code import Output
from aezoo.nn.distributed import mean_of_all
from aezoo_quantize.vq import vectors


class Sum(nn.Module):
    """A field of the code, summed over the sample and averaged over the batch.

    Args:
        field: Which one.
    """

    by_sample = True

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field

    def forward(self, out: Output) -> Tensor:
        values: Tensor = getattr(out.code, self.field)
        return values.flatten(1).sum(dim=-1).mean()


class Entropy(nn.Module):
    """Uncertainty of the signs, minus the entropy of the mean over their combinations.

    Args:
        gamma: Weight of the entropy of the mean.
    """

    def __init__(self, *, gamma: float = 1.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, out: Output) -> Tensor:
        logits = vectors(out.code.logits)
        each = undecided(logits).mean() - self.gamma * evenness(logits)
        return each * (len(logits) // len(out.x))


def undecided(logits: Tensor) -> Tensor:
    """Entropy of each vector's code, in nats: signs are independent of each other given the vector.

    Shape:
        [N, D] -> [N]
    """
    likely = logits.sigmoid()
    return (F.softplus(logits) - likely * logits).sum(dim=-1)


def evenness(logits: Tensor) -> Tensor:
    """Entropy of the mean distribution over all 2^D codes, in nats.

    The mean over vectors of a product of D signs' probabilities is one product of two matrices: one has the
    combinations of the first half of the signs for each vector, the other those of the rest. So no vector is
    expanded to 2^D.

    Shape:
        [N, D] -> []
    """
    half = logits.shape[1] // 2
    mean = _combinations(logits[:, :half]).t() @ _combinations(logits[:, half:]) / len(logits)
    mean = mean_of_all(mean, len(logits))
    # A combination that never occurs adds 0 log 0 = 0, and its gradient must be finite, too.
    return -(mean * mean.clamp_min(torch.finfo(mean.dtype).tiny).log()).sum()


def _combinations(logits: Tensor) -> Tensor:
    """The probability of each combination of signs: [N, d] -> [N, 2^d]."""
    table = torch.ones_like(logits[:, :1]) if logits.shape[1] else logits.new_ones(len(logits), 1)
    for one, other in zip(logits.sigmoid().unbind(dim=1), (-logits).sigmoid().unbind(dim=1), strict=True):
        table = torch.cat([table * other[:, None], table * one[:, None]], dim=1)
    return table
