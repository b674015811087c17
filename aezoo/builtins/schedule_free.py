"""Schedule-free optimizers: an average of the weights in place of a falling rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

from aezoo.builtins.adam import Beta
from aezoo.plugin import ConstantSpec, Field, OptimizerSpec, Remark, ScheduleSpec, Spec, as_tuple

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

Share = Annotated[float, Field(gt=0, lt=1)]


class ScheduleFreeSpec(OptimizerSpec):
    """AdamW that needs no falling rate: weights that are averaged as it goes are judged and kept (arXiv:2405.15682).

    The gradient is taken between that average and the weights that move. Running means of batch norm are those of
    training. It needs schedulefree: pip install 'aezoo[schedulefree]'.

    Example:
        [training.optimizer]
        type = "schedule_free"
        lr = 2.5e-3
        warmup_steps = 100
    """

    type: Literal["schedule_free"] = "schedule_free"
    lr: ScheduleSpec = Field(ConstantSpec(value=2.5e-3), description="learning rate; a number or a schedule")
    betas: Annotated[tuple[Share, Beta], BeforeValidator(as_tuple)] = Field(
        (0.9, 0.999), description="share of the average where the gradient is taken, and decay of its mean square"
    )
    eps: float = Field(1e-8, gt=0, description="added to the denominator")
    weight_decay: float = Field(0.0, ge=0, description="share of a weight that a step of rate 1 removes")
    warmup_steps: int = Field(0, ge=0, description="steps in which the rate rises to its value")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if spec.training.ema is not None:
            message = "schedule_free averages the weights itself: training.ema would average those that are not judged"
            yield Remark(message, "leave training.ema out, or take adamw")
        if spec.constraints:
            message = "constraints are kept by the weights that it learns at and judges, not by those that it averages"
            yield Remark(message, "adamw keeps constraints of all weights", level="warning")

    def state(self) -> int:
        return 2

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        from aezoo.nn.schedule_free import AdamWScheduleFree

        return AdamWScheduleFree(
            parameters,
            lr=lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            warmup_steps=self.warmup_steps,
        )
