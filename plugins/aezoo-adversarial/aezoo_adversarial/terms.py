"""Terms with a critic, declared: beside any objective."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import (
    Component,
    ConstantSpec,
    Field,
    PlayerSpec,
    RegularizerSpec,
    Remark,
    ScheduleSpec,
    Shape,
    Spec,
    flat,
)
from aezoo_adversarial.objectives import CriticSpec, by_total, undrawn

if TYPE_CHECKING:
    from torch import nn


class _CriticTermSpec(RegularizerSpec):
    """Base of terms with a critic, which by default reads codes as vectors."""

    players: ClassVar[tuple[str, ...]] = ("critic",)
    #: The one tap that it reads.
    reads: ClassVar[str] = "latent"
    critic: CriticSpec = Field(default_factory=dict, description="the network that discriminates, and how it learns")  # type: ignore[assignment]

    def critic_input(self, shape: Shape) -> Shape:
        """Shape of the critic's input, for a tap of this shape."""
        return (flat(shape),)

    def player(self, name: str) -> PlayerSpec | None:
        return self.critic

    def parameters(self, shape: Shape) -> int:
        return self.critic.parameters(self.critic_input(shape))

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.on != self.reads:
            message = f"{self.tag()} reads {self.reads!r} and nothing else, got on = {self.on!r}"
            yield Remark(message, "leave 'on' out", at="on")
        elif self.on in spec.taps:  # a model without a decoder has no output: that is a fault of its own
            yield from self.critic.remarks(self.critic_input(spec.taps[self.on]))
        yield from by_total(spec)


class TotalCorrelationSpec(_CriticTermSpec):
    """The total correlation of codes, whose values it makes independent: FactorVAE's term (arXiv:1802.05983).

    A critic learns to discriminate codes from codes whose values come from different samples; its mean logit over codes
    estimates the total correlation, in nats.

    Example:
        [latent]
        type = "gaussian"
        dim = 6

        [regularizers.kl]
        weight = 1.0

        [regularizers.total_correlation]
        type = "adversarial:total_correlation"
        weight = 10.0
        critic = { optimizer = { type = "adam", lr = 1e-4, betas = [0.5, 0.9] } }

        [training]
        best_by = "last"
    """

    type: Literal["total_correlation"] = "total_correlation"
    family: ClassVar[str] = "adversarial"
    weight: ScheduleSpec = Field(ConstantSpec(value=10.0), description="factor of the total correlation: gamma")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        if flat(spec.code_shape) == 1:
            yield Remark("a code of one value has no total correlation", "latent.dim = 2 or more", "warning")

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_adversarial.factor_vae import TotalCorrelation

        return TotalCorrelation(self.critic.build(self.critic_input(shape)))


class CodeCriticSpec(_CriticTermSpec):
    """A penalty for codes that a critic can tell from draws of `latent.prior`: WAE-GAN's term (arXiv:1711.01558).

    Example:
        [latent]
        type = "deterministic"
        dim = 8
        prior = "standard_normal"

        [regularizers.code_critic]
        type = "adversarial:code_critic"
        weight = 10.0
        critic = { optimizer = { type = "adam", lr = 5e-4, betas = [0.5, 0.9] } }

        [training]
        best_by = "last"
    """

    type: Literal["code_critic"] = "code_critic"
    family: ClassVar[str] = "adversarial"
    rate: ClassVar[bool] = True
    weight: ScheduleSpec = Field(ConstantSpec(value=10.0), description="factor of the adversarial loss: lambda")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        yield from undrawn(self, spec)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_adversarial.prior_matching import CodeCritic

        return CodeCritic(self.critic.build(self.critic_input(shape)))


class SampleCriticSpec(_CriticTermSpec):
    """A penalty for reconstructions that a critic can tell from data (arXiv:2012.09841, section 3.1).

    It stands beside a reconstruction loss, with a small weight and, as a rule, a critic that starts late.

    Example:
        [regularizers.sample_critic]
        type = "adversarial:sample_critic"
        weight = 0.1

        [regularizers.sample_critic.critic]
        optimizer = { type = "adam", lr = 1e-4, betas = [0.5, 0.9] }
        layers = [
            { type = "flatten" },
            { type = "linear", features = 256, activation = "leaky_relu" },
        ]

        [training]
        best_by = "last"
    """

    type: Literal["sample_critic"] = "sample_critic"
    family: ClassVar[str] = "adversarial"
    reads: ClassVar[str] = "output"
    on: str = Field("output", description="the tap it reads: output")

    def critic_input(self, shape: Shape) -> Shape:
        return shape

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_adversarial.sample_critic import SampleCritic

        return SampleCritic(self.critic.build(shape))


COMPONENTS: list[type[Component]] = [TotalCorrelationSpec, CodeCriticSpec, SampleCriticSpec]
