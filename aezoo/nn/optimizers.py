"""torch's optimizers, without its compiler.

Each `torch.optim.Optimizer` imports `torch._dynamo` when it is constructed and when it steps, to break a compiled graph
there. That import can take more CPU time than a whole training, and nothing is compiled here: these classes call the
methods that torch has wrapped. Results are torch's, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import unwrap
from typing import Any

import torch
from torch import optim


class _Uncompiled(optim.Optimizer):
    """Is constructed without the compiler."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        unwrap(super().add_param_group)(self, param_group)


class _UncompiledStep(_Uncompiled):
    """Steps without it, too. `torch.optim.LBFGS` needs no such override: its `step` is not wrapped."""

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):  # as the wrapper of torch does
            return unwrap(super().step)(self, closure)


class Adam(_UncompiledStep, optim.Adam): ...


class AdamW(_UncompiledStep, optim.AdamW): ...


class SGD(_UncompiledStep, optim.SGD): ...


class RMSprop(_UncompiledStep, optim.RMSprop): ...


class LBFGS(_Uncompiled, optim.LBFGS): ...
