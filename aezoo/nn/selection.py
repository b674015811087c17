"""Products of a code of which few units are active: they touch only the rows of active units.

               ┌> pre [B, D]                       for what reads it
h ── affine ──┤
               └> values [n] ──┬> z [B, D]         for what reads it
                               └> readout [B, F]   the sum of the active units' rows

Of the dense products of a training step one is left: that which says which units are active. All others become sums
of n = B k rows of F numbers: n F multiplications in place of B D F (Gao et al. 2024, "Scaling and evaluating sparse
autoencoders", arXiv:2406.04093). They are `F.embedding_bag`, which adds up weighted rows without a copy of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: From this width and batch on, and with at most one of `SPARSITY` units active, a training step takes less time on a
#: CPU (measured: `plugins/aezoo-sparse/benchmarks/selection.py`).
WIDTH = 2048
BATCH = 64
SPARSITY = 64


class Selection(NamedTuple):
    """The active units of a batch, sample after sample."""

    values: Tensor  # [n]
    units: Tensor  # [n], the unit of each value
    samples: Tensor  # [n], the sample of each value, rising
    starts: Tensor  # [B], where the values of each sample begin

    def readout(self, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The affine map of the code: that of its dense form, but for rounding.

        Shape:
            weight: [F, D], bias: [F] -> [B, F]
        """
        # A row must be in one piece: in a [F, D] matrix the numbers of a unit are D apart.
        rows = weight.t().contiguous()
        raw: Tensor = _Readout.apply(self.values, rows, *self[1:])  # type: ignore[no-untyped-call]
        return raw if bias is None else raw + bias


class SelectedCode(NamedTuple):
    """The code of a selection and what it was before, with the active units beside it."""

    z: Tensor  # [B, D]
    pre: Tensor  # [B, D]
    values: Tensor  # [n], with those that are not positive as 0
    units: Tensor  # [n]
    samples: Tensor  # [n]
    starts: Tensor  # [B]

    @property
    def selection(self) -> Selection:
        return Selection(*self[2:])


#: Which of the units [B, D] may be active, as rising places in the flat tensor: [n].
Choice = Callable[[Tensor], Tensor]


def pays(h: Tensor, project: nn.Linear, k: int) -> bool:
    """Whether only active units should be touched: in training on a CPU, where that is faster.

    Not in a transform of `torch.func` or within `torch.compile`, which do not know these functions, nor in lower
    precision.

    Args:
        h: The features.
        project: The map to the units.
        k: Active units of a sample.
    """
    return (
        project.out_features >= max(WIDTH, SPARSITY * k)
        and len(h) >= BATCH
        and torch.is_grad_enabled()
        and h.device.type == "cpu"
        and h.dtype == project.weight.dtype
        and h.dtype in (torch.float32, torch.float64)
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    )


def select(h: Tensor, project: nn.Linear, choice: Choice) -> SelectedCode:
    """The code of an affine map and a choice of units, after a relu.

    Args:
        h: The features.
        project: The map to the units.
        choice: Says which may be active.

    Shape:
        h: [B, F] -> z, pre: [B, D]
    """
    pre, values, places = _AffineSelection.apply(h, project.weight, project.bias, choice)  # type: ignore[no-untyped-call]
    values = values.relu()
    z = torch.zeros_like(pre).view(-1).scatter(0, places, values).view_as(pre)
    return SelectedCode(z, pre, values, *_located(places, pre.shape[0], pre.shape[1]))


def largest_of_each(pre: Tensor, *, k: int) -> Tensor:
    """The places of the `k` largest units of each sample."""
    first = torch.arange(len(pre), device=pre.device).unsqueeze(1) * pre.shape[1]
    return (pre.topk(k, dim=-1, sorted=False).indices + first).view(-1)


def largest_of_all(pre: Tensor, *, k: int) -> Tensor:
    """The places of the `k` B largest units of the batch."""
    return pre.reshape(-1).topk(k * len(pre), sorted=False).indices.sort().values


def _located(places: Tensor, batch: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Unit and sample of each place, and where each sample begins."""
    samples = places // width
    return places % width, samples, _starts(samples, batch)


def _starts(groups: Tensor, count: int) -> Tensor:
    """Where each group begins in a rising list of the groups' numbers."""
    return torch.searchsorted(groups, torch.arange(count, device=groups.device))


def _sums(weights: Tensor, rows: Tensor, indices: Tensor, starts: Tensor) -> Tensor:
    """Weighted sums of rows, one a group; of an empty group 0.

    Shape:
        weights, indices: [n], rows: [R, F], starts: [G] -> [G, F]
    """
    return F.embedding_bag(indices, rows, starts, mode="sum", per_sample_weights=weights)


def _sums_by_unit(weights: Tensor, rows: Tensor, units: Tensor, samples: Tensor, width: int) -> Tensor:
    """For each unit the weighted sum of the rows of those samples in which it is active.

    Shape:
        weights, units, samples: [n], rows: [B, F] -> [D, F]
    """
    order = units.argsort(stable=True)
    return _sums(weights[order], rows, samples[order], _starts(units[order], width))


def _products(rows: Tensor, gradient: Tensor, selection: Selection) -> Tensor:
    """The inner product of each active unit's row with the gradient of its sample.

    Shape:
        rows: [D, F], gradient: [B, F] -> [n]
    """
    values, units, samples, starts = selection
    if torch.is_grad_enabled():  # a gradient of this gradient is wanted, which embedding_bag has not
        return (rows[units] * gradient[samples]).sum(dim=1)
    with torch.enable_grad():
        weights = torch.zeros_like(values).requires_grad_()
        return torch.autograd.grad(_sums(weights, rows.detach(), units, starts), weights, gradient)[0]


class _Readout(torch.autograd.Function):
    """values, rows -> sums of rows. The backward pass is made of differentiable functions, so it has one, too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rows: Tensor, units: Tensor, samples: Tensor, starts: Tensor) -> Tensor:
        ctx.save_for_backward(values, rows, units, samples, starts)
        return _sums(values, rows, units, starts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        values, rows, units, samples, starts = ctx.saved_tensors
        to_values = to_rows = None
        if ctx.needs_input_grad[0]:
            to_values = _products(rows, gradient, Selection(values, units, samples, starts))
        if ctx.needs_input_grad[1]:
            to_rows = _sums_by_unit(values, gradient.contiguous(), units, samples, len(rows))
        return to_values, to_rows, None, None, None


class _AffineSelection(torch.autograd.Function):
    """h -> W h + b, its chosen values, and their places. One function, so that no dense gradient is made of theirs."""

    @staticmethod
    def forward(
        ctx: Any, h: Tensor, weight: Tensor, bias: Tensor | None, choice: Choice
    ) -> tuple[Tensor, Tensor, Tensor]:
        pre = F.linear(h, weight, bias)
        places = choice(pre)
        ctx.save_for_backward(h, weight, places)
        ctx.mark_non_differentiable(places)
        ctx.set_materialize_grads(False)  # None says that nothing has read `pre`
        return pre, pre.view(-1)[places], places

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        to_pre, to_values, _ = gradients
        h, weight, places = ctx.saved_tensors
        if to_pre is not None:
            if to_values is not None:
                to_pre = to_pre.reshape(-1).index_add(0, places, to_values).view_as(to_pre)
            return _dense(ctx.needs_input_grad, to_pre, h, weight)
        if to_values is None:
            return None, None, None, None
        units, samples, starts = _located(places, len(h), len(weight))
        to_h = _sums(to_values, weight, units, starts) if ctx.needs_input_grad[0] else None
        to_weight = to_bias = None
        if ctx.needs_input_grad[1]:
            to_weight = _sums_by_unit(to_values, h.contiguous(), units, samples, len(weight))
        if ctx.needs_input_grad[2]:
            to_bias = to_values.new_zeros(len(weight)).index_add(0, units, to_values)
        return to_h, to_weight, to_bias, None


def _dense(needed: tuple[bool, ...], gradient: Tensor, h: Tensor, weight: Tensor) -> tuple[Tensor | None, ...]:
    """The gradients of an affine map, all units of which have one."""
    to_h = gradient @ weight if needed[0] else None
    to_weight = gradient.t() @ h if needed[1] else None
    return to_h, to_weight, gradient.sum(dim=0) if needed[2] else None, None


def reads_selections(layer: nn.Module) -> bool:
    """Whether a layer takes a `Selection` in place of its dense form: whether a linear map is the first in it."""
    while isinstance(layer, nn.Sequential) and len(layer):
        layer = layer[0]
    return bool(getattr(layer, "reads_selections", False))
