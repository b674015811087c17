"""Penalties on the values of a tap: few active units, rarely active units, small values."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aezoo.nn.code import Output
from aezoo.nn.distributed import mean_of_all


def kl_of_rates(target: float, rates: Tensor) -> Tensor:
    """KL(Bernoulli(target) || Bernoulli(rate)) summed over units, in nats.

    Shape:
        rates: [F], each in (0, 1) -> []
    """
    # A unit that is off for a whole batch costs much, but not infinity; 1e-6 is about float32's resolution near 1.
    rates = rates.clamp(1e-6, 1 - 1e-6)
    rate = rates.new_tensor(target)
    return (rate * (rate / rates).log() + (1 - rate) * ((1 - rate) / (1 - rates)).log()).sum()


class RateKL(nn.Module):
    """Pull how often each unit is active towards a target rate (Ng 2011, "Sparse autoencoder", section 3).

    A unit's rate is its mean over the batch, or over past batches too. The KL is not linear in it, so small
    batches are biased: use batches of a hundred and more, or a running mean.

    Args:
        on: The tap whose values in (0, 1) are the units.
        rate: The target.
        units: How many values a sample of the tap has.
        momentum: Share of the past in the running mean; None takes the batch alone.
    """

    running: Tensor
    seen: Tensor

    def __init__(self, on: str, *, rate: float, units: int, momentum: float | None = None) -> None:
        super().__init__()
        self.on = on
        self.rate = rate
        self.momentum = momentum
        if momentum is not None:
            self.register_buffer("running", torch.zeros(units))  # sum of weighted batch means
            self.register_buffer("seen", torch.zeros(()))  # sum of those weights: corrects the start at 0

    def forward(self, out: Output) -> Tensor:
        values = out.tap(self.on).flatten(1)
        rates = mean_of_all(values.mean(dim=0), len(values))  # [F]
        if self.momentum is not None:
            rates = self._blend(rates, self.momentum)
        return kl_of_rates(self.rate, rates)

    def _blend(self, rates: Tensor, momentum: float) -> Tensor:
        # Gradients flow through this batch's share only: buffers have none.
        running = momentum * self.running + (1 - momentum) * rates
        seen = momentum * self.seen + (1 - momentum)
        if self.training:
            self.running.copy_(running.detach())
            self.seen.copy_(seen)
        return running / seen


class AbsoluteSum(nn.Module):
    """Sum of absolute values of a tap, averaged over the batch."""

    by_sample = True

    def __init__(self, on: str) -> None:
        super().__init__()
        self.on = on

    def forward(self, out: Output) -> Tensor:
        values = out.tap(self.on)
        return values.abs().sum() / len(values)


class SquareSum(nn.Module):
    """Sum of squares of a tap, averaged over the batch."""

    by_sample = True

    def __init__(self, on: str) -> None:
        super().__init__()
        self.on = on

    def forward(self, out: Output) -> Tensor:
        values = out.tap(self.on)
        return values.square().sum() / len(values)
