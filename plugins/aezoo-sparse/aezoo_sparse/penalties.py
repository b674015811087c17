"""Penalties on sparse codes: dead units, how many are active, gates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aezoo.nn.code import Output
from aezoo.nn.distributed import summed
from aezoo.nn.freezing import frozen
from aezoo.nn.latent import largest


class AuxK(nn.Module):
    """Error that remains when dead units reconstruct the residual (Gao et al. 2024, arXiv:2406.04093, appendix A.2).

    Dead units share a decoder's bias with the live ones; what they add is decode(z_aux) - decode(0), which is D z_aux
    for a linear decoder.

    Args:
        units: How many a code has.
        k: How many dead ones a sample may use; None for half the width of the input.
        after: Samples without being active that make a unit dead.
        relative: Whether the error is divided by the variance of the residual and multiplied by that of x.
    """

    silent: Tensor

    def __init__(self, units: int, *, k: int | None, after: int, relative: bool = True) -> None:
        super().__init__()
        self.k = k
        self.after = after
        self.relative = relative
        self.register_buffer("silent", torch.zeros(units, dtype=torch.int64))  # samples since a unit was active

    def forward(self, out: Output) -> Tensor:
        z = out.tap("latent").detach()
        if self.training:
            active = summed((z != 0).sum(dim=0))
            self.silent.add_(summed(torch.full_like(self.silent, len(z)))).masked_fill_(active > 0, 0)
        dead = self.silent >= self.after
        # On an accelerator this waits for the device once a step; a needless decoder pass would cost more.
        if bool(dead.any()):
            return self._remaining_error(out, dead)
        # Zero, with a graph: `backward` needs one. Not of `pre`, all of whose units would then have a gradient.
        return out.raw[:0].sum()

    def _remaining_error(self, out: Output, dead: Tensor) -> Tensor:
        error = out.masked(out.target - out.tap("output")).detach()
        added = self._added(out, dead)
        remaining = (error - out.masked(added)).square().flatten(1).sum(dim=1).mean()
        return remaining * _variance(out.masked(out.target)) / _variance(error) if self.relative else remaining

    def _added(self, out: Output, dead: Tensor) -> Tensor:
        """What each sample's strongest dead units add to its reconstruction: [B, *input]."""
        pre = out.code.pre.masked_fill(~dead, -torch.inf)
        z = largest(pre, min(self.k or max(out.x[0].numel() // 2, 1), pre.shape[1]))
        model = out.model
        decode = model.likelihood.mean
        without = torch.zeros_like(z if out.fields else z[:1])  # alike for all samples, unless the decoder reads fields
        added: Tensor = decode(model.expand(z, out.fields)) - decode(model.expand(without, out.fields))
        return added


def _variance(x: Tensor) -> Tensor:
    """Squared distance to the mean, averaged over the batch; never 0."""
    return (x - x.mean(dim=0)).square().flatten(1).sum(dim=1).mean().clamp_min(torch.finfo(x.dtype).tiny)


class ActiveCount(nn.Module):
    """How many units are active: L0, or (L0 / target - 1)^2 (Rajamanoharan et al. 2024, arXiv:2407.14435).

    Args:
        target: The L0 to reach, or None.
    """

    def __init__(self, *, target: float | None = None) -> None:
        super().__init__()
        self.target = target

    def forward(self, out: Output) -> Tensor:
        count: Tensor = out.code.active.sum(dim=-1).mean()
        return count if self.target is None else (count / self.target - 1).square()


class GateReconstruction(nn.Module):
    """|x - decode(gate)|^2 with a constant decoder (Rajamanoharan et al. 2024, arXiv:2404.16014, section 3.2)."""

    def forward(self, out: Output) -> Tensor:
        # The whole model is frozen: a tied decoder uses the encoder's weights.
        with frozen(out.model):
            x = out.model.likelihood.mean(out.model.expand(out.code.gate, out.fields))
        return out.masked(out.target - x).square().flatten(1).sum(dim=1).mean()
