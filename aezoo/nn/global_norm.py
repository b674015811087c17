"""Batch normalization over a batch that several processes share, on any device.

`torch.nn.SyncBatchNorm` is for accelerators alone, and would replace modules that others hold; this changes how those
that are there compute, while a batch is dealt out.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from aezoo.nn.distributed import layout, summed, summed_with_gradient


def normalize_globally(model: nn.Module) -> None:
    """Let every batch norm of a model take its mean and variance over the samples of all processes."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.forward = partial(_forward, module)  # type: ignore[method-assign]


def _forward(module: _BatchNorm, x: Tensor) -> Tensor:
    if layout() is None or not (module.training or module.running_mean is None):
        return type(module).forward(module, x)
    axes = [axis for axis in range(x.ndim) if axis != 1]
    shape = (1, -1, *(1 for _ in x.shape[2:]))
    count = summed(torch.full((), float(x.numel() // x.shape[1]), dtype=x.dtype, device=x.device))
    mean = summed_with_gradient(x.sum(dim=axes)) / count
    centred = x - mean.view(shape)  # squares of what is centred keep the digits that E[x^2] - E[x]^2 loses
    variance = summed_with_gradient(centred.square().sum(dim=axes)) / count
    _update(module, mean.detach(), variance.detach() * count / (count - 1))
    y = centred * (variance + module.eps).rsqrt().view(shape)
    return y if module.weight is None else y * module.weight.view(shape) + module.bias.view(shape)


@torch.no_grad()
def _update(module: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """The running means, of the unbiased variance, as torch has them."""
    if not module.track_running_stats or module.running_mean is None or module.running_var is None:
        return
    assert module.num_batches_tracked is not None
    module.num_batches_tracked.add_(1)
    share = 1 / float(module.num_batches_tracked) if module.momentum is None else module.momentum
    module.running_mean.lerp_(mean.to(module.running_mean.dtype), share)
    module.running_var.lerp_(variance.to(module.running_var.dtype), share)
