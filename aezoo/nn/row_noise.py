"""Row noise: each process draws the noise of the whole batch, and takes that of its own samples.

So a batch that is dealt out has the noise that it has in one process, and generators stay in step. A draw is of the
batch if its first axis has as many rows as this process has samples; all others are alike in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from aezoo.nn.distributed import Layout, layout, rows_of_all

#: Functions that draw a tensor of a size that is among their first arguments.
_SIZED = {torch.randn, torch.rand}
_SIZED_BY_KEY = {torch.randint}
#: Functions that draw a tensor like another one.
_LIKE = {torch.randn_like, torch.rand_like, torch.randint_like}
#: Methods that fill a tensor.
_FILLING = {
    *(Tensor.normal_, Tensor.uniform_, Tensor.exponential_, Tensor.random_, Tensor.log_normal_, Tensor.cauchy_),
    Tensor.geometric_,
}
#: Functions that draw by parameters of each sample.
_BY_PARAMETERS = {torch.bernoulli, torch.poisson, torch.multinomial, torch._standard_gamma}
#: Functions that set values of their input to zero, and scale the others.
_DROPPING = {torch.dropout, torch.feature_dropout, F.dropout, F.dropout1d, F.dropout2d, F.dropout3d}


class RowNoise(TorchFunctionMode):
    """Within, draws of the batch that is dealt out are those of one process; see `aezoo.nn.distributed.sharing`."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        drawing = _DRAWS.get(func)
        dealt = layout() if drawing is not None else None
        if drawing is None or dealt is None:
            return func(*args, **(kwargs or {}))
        return drawing(dealt, func, *args, **(kwargs or {}))


def _own(dealt: Layout, drawn: Tensor) -> Tensor:
    return drawn[dealt.start : dealt.start + dealt.rows]


def _is_of_batch(dealt: Layout, shape: Sequence[int]) -> bool:
    return len(shape) > 0 and shape[0] == dealt.rows


def _whole(dealt: Layout, shape: Sequence[int]) -> tuple[int, ...]:
    return (dealt.total, *shape[1:])


def _sized(dealt: Layout, func: Callable[..., Tensor], *size: Any, **kwargs: Any) -> Tensor:
    shape = kwargs.pop("size", None) or (size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
    if not _is_of_batch(dealt, shape):
        return func(shape, **kwargs)
    return _own(dealt, func(_whole(dealt, shape), **kwargs))


def _integers(dealt: Layout, func: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    *bounds, size = args if "size" not in kwargs else (*args, kwargs.pop("size"))
    if not _is_of_batch(dealt, size):
        return func(*bounds, size, **kwargs)
    return _own(dealt, func(*bounds, _whole(dealt, size), **kwargs))


def _like(dealt: Layout, func: Callable[..., Tensor], like: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if not _is_of_batch(dealt, like.shape):
        return func(like, *args, **kwargs)
    return _own(dealt, func(like.new_empty(_whole(dealt, like.shape)), *args, **kwargs))


def _filled(dealt: Layout, func: Callable[..., Tensor], filled: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if not _is_of_batch(dealt, filled.shape):
        return func(filled, *args, **kwargs)
    return filled.copy_(_own(dealt, func(filled.new_empty(_whole(dealt, filled.shape)), *args, **kwargs)))


def _by_parameters(dealt: Layout, func: Callable[..., Tensor], own: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if not _is_of_batch(dealt, own.shape):
        return func(own, *args, **kwargs)
    rows = rows_of_all(own)
    # Its own are as they were given: a draw may have a gradient by its parameters.
    parameters = torch.cat([rows[: dealt.start], own, rows[dealt.start + dealt.rows :]])
    return _own(dealt, func(parameters, *args, **kwargs))


def _dropped(dealt: Layout, func: Callable[..., Tensor], values: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    training = kwargs.get("training", args[1] if len(args) > 1 else True)
    if not training or not _is_of_batch(dealt, values.shape):
        return func(values, *args, **kwargs)
    kwargs.pop("inplace", None)
    kept = func(values.new_ones(_whole(dealt, values.shape)), *args[:2], **kwargs)
    return values * _own(dealt, kept)


_DRAWS: dict[Any, Callable[..., Tensor]] = {
    **dict.fromkeys(_SIZED, _sized),
    **dict.fromkeys(_SIZED_BY_KEY, _integers),
    **dict.fromkeys(_LIKE, _like),
    **dict.fromkeys(_FILLING, _filled),
    **dict.fromkeys(_BY_PARAMETERS, _by_parameters),
    **dict.fromkeys(_DROPPING, _dropped),
}
