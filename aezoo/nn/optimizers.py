"""torch's optimizers, without its compiler and without what their steps repeat.

Each `torch.optim.Optimizer` imports `torch._dynamo` when it is constructed and when it steps, to break a compiled graph
there. That import can take more CPU time than a whole training, and nothing is compiled here: these classes call the
methods that torch has wrapped. Results are torch's, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import unwrap
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, optim


class Uncompiled(optim.Optimizer):
    """Is constructed without the compiler."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        unwrap(super().add_param_group)(self, param_group)


class UncompiledStep(Uncompiled):
    """Steps without it, too. `torch.optim.LBFGS` needs no such override: its `step` is not wrapped."""

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):  # as the wrapper of torch does
            return unwrap(super().step)(self, closure)


class _Moments(NamedTuple):
    """The weights of a fused step, and what it keeps of each."""

    weights: list[Tensor]
    means: list[Tensor]  # of the gradients
    squares: list[Tensor]  # means of the squared gradients
    steps: list[Tensor]  # each a view of an entry of `taken`
    taken: Tensor  # [weights], steps


class _FusedStep(UncompiledStep):
    """Adam with a fused step that sorts its weights once.

    torch sorts weights and moments by device and type at each step, and counts the steps of each weight by a kernel of
    its own: in a small model that takes as long as the backward pass.
    """

    _fused: ClassVar[str]
    _moments: _Moments | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # called by `load_state_dict`, too
        self._moments = None

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        self._moments = None

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        moments = self._moments
        if closure is not None or moments is None:
            loss = super().step(closure)
            self._moments = self._sorted()
            return loss
        gradients = [p.grad for p in moments.weights]
        if any(gradient is None for gradient in gradients):
            return super().step()
        (group,) = self.param_groups
        beta1, beta2 = group["betas"]
        with torch.no_grad():
            moments.taken.add_(1)
            getattr(torch, self._fused)(
                moments.weights,
                gradients,
                moments.means,
                moments.squares,
                [],
                moments.steps,
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )

    def _sorted(self) -> _Moments | None:
        """The moments, once each weight has some; None where a step is not one call of the fused kernel."""
        group, *others = self.param_groups
        weights = group["params"]
        states = [self.state[p] for p in weights if p in self.state]
        if others or not group["fused"] or group["amsgrad"] or group["maximize"] or len(states) < len(weights):
            return None
        if len({(p.device, p.dtype) for p in weights}) > 1 or any(p.grad is None or p.grad.is_sparse for p in weights):
            return None
        taken = torch.stack([state["step"] for state in states])
        steps = list(taken.unbind())
        for state, step in zip(states, steps, strict=True):
            state["step"] = step
        means, squares = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq"))
        return _Moments(weights, means, squares, steps, taken)


class Adam(_FusedStep, optim.Adam):
    _fused = "_fused_adam_"


class AdamW(_FusedStep, optim.AdamW):
    _fused = "_fused_adamw_"


class RAdam(UncompiledStep, optim.RAdam): ...


class NAdam(UncompiledStep, optim.NAdam): ...


class Adafactor(UncompiledStep, optim.Adafactor):
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        with torch.no_grad():
            return unwrap(optim.Adafactor.step)(self, closure)


class SGD(UncompiledStep, optim.SGD): ...


class RMSprop(UncompiledStep, optim.RMSprop): ...


class LBFGS(Uncompiled, optim.LBFGS): ...
