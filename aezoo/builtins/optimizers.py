"""Optimizers beside Adam: update rules of weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.builtins.adam import Betas, fusible
from aezoo.plugin import ConstantSpec, Field, OptimizerSpec, Remark, ScheduleSpec, Spec

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class RAdamSpec(OptimizerSpec):
    """Adam whose steps are rectified while its mean square is of few gradients (Liu et al. 2019, arXiv:1908.03265).

    It needs no warm-up of the rate. Weight decay is decoupled, as in `adamw`.

    Example:
        [training.optimizer]
        type = "radam"
        lr = 1e-3
    """

    type: Literal["radam"] = "radam"
    betas: Betas = Field((0.9, 0.999), description="decay of the mean gradient, and of its mean square")
    eps: float = Field(1e-8, gt=0, description="added to the denominator")
    weight_decay: float = Field(0.0, ge=0, description="share of a weight that a step of rate 1 removes")

    def state(self) -> int:
        return 2

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        from aezoo.nn.optimizers import RAdam

        return RAdam(
            parameters,
            lr=lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            decoupled_weight_decay=True,
        )


class NAdamSpec(OptimizerSpec):
    """Adam that looks ahead along its mean gradient, as Nesterov's momentum does (Dozat 2016).

    Weight decay is decoupled, as in `adamw`.

    Example:
        [training.optimizer]
        type = "nadam"
        lr = 1e-3
    """

    type: Literal["nadam"] = "nadam"
    betas: Betas = Field((0.9, 0.999), description="decay of the mean gradient, and of its mean square")
    eps: float = Field(1e-8, gt=0, description="added to the denominator")
    weight_decay: float = Field(0.0, ge=0, description="share of a weight that a step of rate 1 removes")
    momentum_decay: float = Field(0.004, ge=0, description="how fast the first beta rises to its value")

    def state(self) -> int:
        return 2

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        from aezoo.nn.optimizers import NAdam

        return NAdam(
            parameters,
            lr=lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            momentum_decay=self.momentum_decay,
            decoupled_weight_decay=True,
        )


class AdafactorSpec(OptimizerSpec):
    """Steps by a mean square that is kept as a row and a column of each matrix (arXiv:1804.04235).

    For large models: it holds next to nothing for a matrix, and one number for each other weight. The rate is relative:
    it is multiplied by the root mean square of a weight.

    Example:
        [training.optimizer]
        type = "adafactor"
        lr = 1e-2
    """

    type: Literal["adafactor"] = "adafactor"
    lr: ScheduleSpec = Field(ConstantSpec(value=1e-2), description="learning rate; a number or a schedule")
    beta_decay: float = Field(0.8, gt=0, description="d, where the mean square of step t keeps the share 1 - t^-d")
    clip: float = Field(1.0, ge=1, description="largest root mean square of a step, before the rate")
    weight_decay: float = Field(0.0, ge=0, description="share of a weight that a step of rate 1 removes")

    def state(self) -> int:
        return 1

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        from aezoo.nn.optimizers import Adafactor

        return Adafactor(parameters, lr=lr, beta2_decay=-self.beta_decay, d=self.clip, weight_decay=self.weight_decay)


class SGDSpec(OptimizerSpec):
    """Stochastic gradient descent, optionally with momentum.

    Example:
        [training.optimizer]
        type = "sgd"
        lr = 0.01
        momentum = 0.9
        nesterov = true
    """

    type: Literal["sgd"] = "sgd"
    lr: ScheduleSpec = Field(ConstantSpec(value=1e-2), description="learning rate; a number or a schedule")
    momentum: float = Field(0.0, ge=0, lt=1, description="share of the last step that is repeated")
    nesterov: bool = Field(False, description="look ahead along the momentum")
    weight_decay: float = Field(0.0, ge=0, description="strength of the L2 penalty")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.nesterov and not self.momentum:
            yield Remark("nesterov looks ahead along the momentum, which is 0", "momentum = 0.9")

    def state(self) -> int:
        return int(self.momentum > 0)

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        from torch import Tensor, nn

        from aezoo.nn.optimizers import SGD

        return SGD(
            parameters,
            lr=lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            # Of weights that are sharded torch has no fused step.
            fused=fusible(parameters) and all(type(p) in (Tensor, nn.Parameter) for p in parameters),
        )


class RMSpropSpec(OptimizerSpec):
    """Steps divided by a running root mean square of the gradient (Tieleman and Hinton 2012, lecture 6.5).

    Example:
        [training.optimizer]
        type = "rmsprop"
        lr = 1e-3
    """

    type: Literal["rmsprop"] = "rmsprop"
    alpha: float = Field(0.99, ge=0, lt=1, description="decay of the mean squared gradient")
    eps: float = Field(1e-8, gt=0, description="added to the denominator")
    momentum: float = Field(0.0, ge=0, lt=1, description="share of the last step that is repeated")
    weight_decay: float = Field(0.0, ge=0, description="strength of the L2 penalty")

    def state(self) -> int:
        return 1 + int(self.momentum > 0)

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        from aezoo.nn.optimizers import RMSprop

        return RMSprop(
            parameters,
            lr=lr,
            alpha=self.alpha,
            eps=self.eps,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )


class LBFGSSpec(OptimizerSpec):
    """Limited-memory BFGS: for small models and losses without noise, where it finds optima to many digits.

    One step evaluates the loss of one batch many times. It needs the same loss at each step: a `batch_size` of all
    samples, no corruption, no latent noise.

    Example:
        [training.optimizer]
        type = "lbfgs"
        max_iter = 100
    """

    divisible: ClassVar[bool] = False
    type: Literal["lbfgs"] = "lbfgs"
    lr: ScheduleSpec = Field(ConstantSpec(value=1.0), description="length of a step along the direction")
    max_iter: int = Field(20, ge=1, description="iterations in one step")
    history_size: int = Field(10, ge=1, description="past steps that the direction is computed from")
    line_search: Literal["strong_wolfe", "none"] = Field(
        "strong_wolfe", description="how the length of a step is found; none takes `lr`"
    )
    tolerance_grad: float = Field(1e-7, ge=0, le=1, description="stops when no entry of the gradient is larger")
    tolerance_change: float = Field(1e-9, ge=0, description="stops when the loss or every weight changes by less")

    def state(self) -> int:
        return 2 * self.history_size + 2  # past steps and changes of gradient, the direction, the last gradient

    def build(self, parameters: Sequence[Tensor], *, lr: float) -> Optimizer:
        from aezoo.nn.optimizers import LBFGS

        return LBFGS(
            parameters,
            lr=lr,
            max_iter=self.max_iter,
            history_size=self.history_size,
            tolerance_grad=self.tolerance_grad,
            tolerance_change=self.tolerance_change,
            line_search_fn=None if self.line_search == "none" else self.line_search,
        )
