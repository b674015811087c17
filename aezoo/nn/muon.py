"""Muon for matrices, and AdamW for all else, as one optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor, optim

from aezoo.errors import RunFailed
from aezoo.nn.optimizers import AdamW, Uncompiled, UncompiledStep

if not hasattr(optim, "Muon"):
    raise RunFailed(f"Muon came with torch 2.9, and this is {torch.__version__}", hint="pip install -U 'torch>=2.9'")


class _Muon(UncompiledStep, optim.Muon):
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        with torch.no_grad():
            return unwrap(optim.Muon.step)(self, closure)


def is_matrix(parameter: Tensor) -> bool:
    """Whether Muon moves a weight: `torch.optim.Muon` takes real ones of two axes alone, and no kernels."""
    return parameter.ndim == 2 and parameter.is_floating_point()


class MuonWithAdamW(Uncompiled):
    """Muon for the weights of two axes, AdamW for the others; both in torch's own arithmetic.

    Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; Liu et al. 2025, arXiv:2502.16982.

    A group has weights of one half alone, and says under `half` of which.

    Args:
        parameters: Tensors.
        muon: Settings of `torch.optim.Muon`, its `lr` among them.
        adamw: Settings of `torch.optim.AdamW`, its `lr` among them.
    """

    _halves: tuple[optim.Optimizer, ...] | None = None

    def __init__(self, parameters: Iterable[Tensor], *, muon: Mapping[str, Any], adamw: Mapping[str, Any]) -> None:
        weights = [*parameters]
        divided = [
            {"half": "muon", "params": [p for p in weights if is_matrix(p)], **muon},
            {"half": "adamw", "params": [p for p in weights if not is_matrix(p)], **adamw},
        ]
        super().__init__([group for group in divided if group["params"]], {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # called by `load_state_dict`, too
        self._halves = None

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        self._halves = None

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self._halves is None:
            self._halves = tuple(self._divided())
        for half in self._halves:
            half.step()
        return loss

    def _divided(self) -> Iterable[optim.Optimizer]:
        """The optimizers of the halves: they have the groups and the state of this one, not copies."""
        for name, kind in (("muon", _Muon), ("adamw", AdamW)):
            if groups := [group for group in self.param_groups if group["half"] == name]:
                half = kind(groups)
                half.state = self.state
                yield half
