"""Parts of tensors: of a weight that is sharded each process has some rows, as a `DTensor` of torch.

Where nothing is sharded these functions give back what they are given.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def is_sharded(tensor: Any) -> bool:
    """Whether this process has a part of a tensor."""
    module = sys.modules.get("torch.distributed.tensor")  # its import takes long, and comes with sharding
    return module is not None and isinstance(tensor, module.DTensor)


def own(tensor: Tensor) -> Tensor:
    """The part of this process, as a plain tensor.

    Shape:
        tensor: [N, ...] -> [n, ...]
    """
    return tensor.to_local() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


def part_of(value: Tensor, like: Tensor) -> Tensor:
    """A whole value in parts, where another tensor is: that of this process, without a word to the others.

    Shape:
        value, like: any -> the same
    """
    if not is_sharded(like) or is_sharded(value):
        return value
    from torch.distributed.tensor import distribute_tensor

    tensor: Any = like
    part = distribute_tensor(value.to(like.device), tensor.device_mesh, tensor.placements, src_data_rank=None)
    return part.clone()  # else a view, which keeps the whole in memory


def whole(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors put together from their parts; to be called by all processes, and the same in all.

    Shape:
        tensors: any -> the same
    """
    return {name: value.full_tensor() if is_sharded(value) else value for name, value in tensors.items()}  # type: ignore[attr-defined]
