"""Statistics of a batch that several processes share, each with samples of its own.

aezoo trains in one process. A module may be trained in several by other means, and its running means must then be those
of one process with all the samples: sums and counts are added up before a mean is taken of them. With one process the
functions give back what they are given, and cost a look-up.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor


def summed(values: Tensor) -> Tensor:
    """The sum over all processes of a sum or count over a batch, without a gradient.

    Shape:
        values: any -> the same
    """
    group = _group()
    if group is None:
        return values
    total = values.detach().clone()
    group.all_reduce(total)
    return total


def of_first(values: Tensor) -> Tensor:
    """The values of the first process: of what is drawn, or starts from a batch.

    Shape:
        values: any -> the same
    """
    group = _group()
    if group is None:
        return values
    shared = values.detach().clone(memory_format=torch.contiguous_format)
    group.broadcast(shared, 0)
    return shared


def mean_of_all(mean: Tensor, count: int) -> Tensor:
    """The mean over the samples of all processes, of that over `count` of this one.

    Its gradient is that of this process's mean: gradients are averaged over processes.

    Shape:
        mean: any -> the same
    """
    if _group() is None:
        return mean
    share = torch.full_like(mean, count)
    return mean + (summed(mean * share) / summed(share) - mean).detach()


def _group() -> Any:
    """`torch.distributed`, where several processes train; it is not imported for this."""
    distributed = sys.modules.get("torch.distributed")
    return distributed if distributed and distributed.is_available() and distributed.is_initialized() else None
