"""Walks through the code: from one sample to another, and along one of its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from aezoo.data.samples import Array
from aezoo.errors import UsageError

if TYPE_CHECKING:
    from aezoo.model import Data, Model


def interpolate(model: Model, a: Data, b: Data, *, steps: int = 8, batch_size: int = 128) -> Array | Tensor:
    """From one sample to another on a straight line between their codes, both ends included.

    Shape:
        a, b: [*input] -> [steps, *input]; [N, *input] -> [N, steps, *input]

    Raises:
        UsageError: Fewer than 2 steps, or not as many samples on either side.
    """
    if steps < 2:
        raise UsageError(f"{steps} steps lead nowhere", hint="take at least 2: both ends")
    first, last = (_tensor(model.encode(cast(Any, end), batch_size=batch_size)) for end in (a, b))
    if first.shape != last.shape:
        raise UsageError(f"{len(first)} samples on one side, {len(last)} on the other")
    share = torch.linspace(0, 1, steps, dtype=first.dtype, device=first.device)
    axis = first.ndim - len(model.spec.code_shape)  # the new axis follows the batch's, if there is one
    share = share.reshape(steps, *(1 for _ in model.spec.code_shape))
    codes = torch.lerp(first.unsqueeze(axis), last.unsqueeze(axis), share)
    return _decoded(model, codes, like=a, batch_size=batch_size)


def traverse(model: Model, data: Data, dim: int, values: Sequence[float], *, batch_size: int = 128) -> Array | Tensor:
    """What one value of the (flat) code does: it takes each of `values` in turn, the others stay.

    Shape:
        data: [*input] -> [len(values), *input]; [N, *input] -> [N, len(values), *input]

    Raises:
        UsageError: The code has no value `dim`, or no values are given.
    """
    codes = _tensor(model.encode(cast(Any, data), batch_size=batch_size))
    axes = len(model.spec.code_shape)
    batch, width = codes.shape[: codes.ndim - axes], codes[(0,) * (codes.ndim - axes)].numel()
    if not 0 <= dim < width or not len(values):
        raise UsageError(f"cannot set value {dim} of {width} to {list(values)}", hint="they count from 0")
    walk = codes.reshape(*batch, 1, width).repeat(*(1 for _ in batch), len(values), 1)
    walk[..., dim] = torch.tensor(list(values), dtype=walk.dtype, device=walk.device)
    walk = walk.reshape(*batch, len(values), *model.spec.code_shape)
    return _decoded(model, walk, like=data, batch_size=batch_size)


def _decoded(model: Model, codes: Tensor, *, like: Data, batch_size: int) -> Array | Tensor:
    """Codes [..., *code] as data [..., *input]."""
    outer = codes.shape[: codes.ndim - len(model.spec.code_shape)]
    data = model.decode(codes.reshape(-1, *model.spec.code_shape), batch_size=batch_size)
    data = data.reshape(*outer, *model.spec.input.shape)
    return data if isinstance(like, Tensor) else data.numpy()


def _tensor(codes: Any) -> Tensor:
    return torch.from_numpy(codes) if isinstance(codes, np.ndarray) else codes
