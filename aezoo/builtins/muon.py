"""Muon: orthogonal steps of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import field_validator

from aezoo.builtins.adam import Betas, fusible
from aezoo.plugin import Field, OptimizerSpec, ScheduleSpec

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class MuonSpec(OptimizerSpec):
    """Momentum in orthogonal steps for matrices, AdamW for all else (Jordan et al. 2024; arXiv:2502.16982).

    Weights of two axes, as those of linear layers, are moved by Muon; biases, norms and the kernels of convolutions by
    AdamW. It needs torch 2.9 or later. Its products are in bfloat16, whatever the precision of the run.

    Example:
        [training.optimizer]
        type = "muon"
        lr = 0.02
        scale = "original"
        adamw_lr = 1e-3
    """

    rates: ClassVar[tuple[str, ...]] = ("lr", "adamw_lr")
    type: Literal["muon"] = "muon"
    adamw_lr: ScheduleSpec | None = Field(None, description="learning rate of AdamW's weights; unless said, `lr`")
    momentum: float = Field(0.95, ge=0, lt=1, description="decay of the mean gradient of a matrix")
    nesterov: bool = Field(True, description="look ahead along the momentum")
    ns_steps: int = Field(5, ge=1, lt=100, description="iterations that make a step orthogonal")
    scale: Literal["match_rms_adamw", "original"] = Field(
        "match_rms_adamw",
        description="of a step of A x B: 0.2 sqrt(max(A, B)), for rates of AdamW, or sqrt(max(1, A / B))",
    )
    weight_decay: float = Field(
        0.1, ge=0, description="share of a weight that a step of rate 1 removes, in both halves"
    )
    betas: Betas = Field((0.9, 0.999), description="AdamW's decay of the mean gradient, and of its mean square")
    eps: float = Field(1e-8, gt=0, description="added to AdamW's denominator")

    @field_validator("adamw_lr")
    @classmethod
    def _downhill_too(cls, lr: ScheduleSpec | None) -> ScheduleSpec | None:
        return lr and cls._downhill(lr)

    def state(self) -> int:
        return 2  # of AdamW's weights; Muon keeps 1

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        from aezoo.nn.muon import MuonWithAdamW, is_matrix

        rest = [p for p in parameters if not is_matrix(p)]
        own = {} if self.adamw_lr is None else {"lr": self.adamw_lr.value(0, 1), "follows": "adamw_lr"}
        return MuonWithAdamW(
            parameters,
            muon={
                "lr": lr,
                "weight_decay": self.weight_decay,
                "momentum": self.momentum,
                "nesterov": self.nesterov,
                "ns_steps": self.ns_steps,
                "adjust_lr_fn": self.scale,
            },
            adamw={
                "lr": lr,
                "betas": self.betas,
                "eps": self.eps,
                "weight_decay": self.weight_decay,
                "fused": fusible(rest),
                **own,
            },
        )
