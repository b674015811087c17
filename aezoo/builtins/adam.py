"""Adam and AdamW: the optimizers of most specs, apart from the others so that a check imports no more than it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

from aezoo.plugin import Field, OptimizerSpec, as_tuple

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


Beta = Annotated[float, Field(ge=0, lt=1)]
Betas = Annotated[tuple[Beta, Beta], BeforeValidator(as_tuple)]

#: Devices on which torch can update all weights in one kernel.
FUSED_DEVICES = frozenset({"cpu", "cuda", "mps", "xpu"})


def fusible(parameters: Sequence[Tensor]) -> bool:
    """Whether torch has a fused update for all of these parameters."""
    return all(p.is_floating_point() and p.device.type in FUSED_DEVICES for p in parameters)


class AdamSpec(OptimizerSpec):
    """Adam (Kingma and Ba 2014, arXiv:1412.6980); its `weight_decay` is an L2 penalty inside the gradient.

    Example:
        [training.optimizer]
        type = "adam"
        lr = 1e-3
    """

    type: Literal["adam"] = "adam"
    betas: Betas = Field((0.9, 0.999), description="decay of the mean gradient, and of its mean square")
    eps: float = Field(1e-8, gt=0, description="added to the denominator")
    weight_decay: float = Field(0.0, ge=0, description="strength of the L2 penalty")

    def state(self) -> int:
        return 2

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        from aezoo.nn.optimizers import Adam

        return Adam(
            parameters,
            lr=lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=fusible(parameters),
        )


class AdamWSpec(OptimizerSpec):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv:1711.05101).

    Example:
        [training.optimizer]
        type = "adamw"
        lr = 1e-3
        weight_decay = 0.05
    """

    type: Literal["adamw"] = "adamw"
    betas: Betas = Field((0.9, 0.999), description="decay of the mean gradient, and of its mean square")
    eps: float = Field(1e-8, gt=0, description="added to the denominator")
    weight_decay: float = Field(0.01, ge=0, description="share of a weight that a step of rate 1 removes")

    def state(self) -> int:
        return 2

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        from aezoo.nn.optimizers import AdamW

        return AdamW(
            parameters,
            lr=lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=fusible(parameters),
        )
