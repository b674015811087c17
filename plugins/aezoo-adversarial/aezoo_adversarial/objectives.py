"""Objectives with a critic, declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from aezoo.plugin import (
    Component,
    ConstantSpec,
    Field,
    LayerSpec,
    ObjectiveSpec,
    PlayerSpec,
    Remark,
    ScheduleSpec,
    Shape,
    ShapeError,
    Spec,
    as_tuple,
    flat,
    flat_parameters,
    made,
    trace,
)

if TYPE_CHECKING:
    from torch import nn

    from aezoo_adversarial.critic import Critic

Layers = Annotated[tuple[LayerSpec, ...], BeforeValidator(as_tuple)]
#: Default layers of a critic: two wide ones, leaky so that no unit loses its gradient.
DENSE = ({"type": "linear", "features": 256, "activation": "leaky_relu"},) * 2


class CriticSpec(PlayerSpec):
    """A network that discriminates two kinds, and its optimizer."""

    layers: Layers = Field(DENSE, description="from its input to features; a map to one logit follows")  # type: ignore[arg-type]

    def parameters(self, shape: Shape) -> int:
        """How many weights it has (counted without torch)."""
        shapes = trace(self.layers, shape)
        layers = sum(layer.parameters(s) for layer, s in zip(self.layers, shapes, strict=False))
        return layers + flat_parameters(shapes[-1], (1,))

    def remarks(self, shape: Shape) -> Iterator[Remark]:
        """Report layers that do not fit the input."""
        try:
            trace(self.layers, shape)
        except ShapeError as error:
            yield Remark(f"its layers do not fit its input: {error}", "take others", at="critic")

    def build(self, shape: Shape) -> Critic:
        from aezoo_adversarial.critic import Critic

        shapes = trace(self.layers, shape)
        layers = [made(layer, s) for layer, s in zip(self.layers, shapes, strict=False)]
        return Critic(layers, flat(shapes[-1]))


class _GameSpec(ObjectiveSpec):
    """Base of objectives with a critic, which by default reads codes as vectors."""

    #: Whether codes are drawn from the prior in training.
    draws: ClassVar[bool] = True
    critic: CriticSpec = Field(default_factory=dict, description="the network that discriminates, and how it learns")  # type: ignore[assignment]

    def critic_input(self, spec: Spec) -> Shape:
        """Shape of the critic's input."""
        return (flat(spec.code_shape),)

    def player(self, name: str) -> PlayerSpec | None:
        return self.critic if name == "critic" else None

    def parameters(self, spec: Spec) -> int:
        return self.critic.parameters(self.critic_input(spec))

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from self.critic.remarks(self.critic_input(spec))
        if self.draws:
            yield from undrawn(self, spec)
        if self.draws and spec.levels:
            message = f"{self.tag()} trains by draws of the code, and the decoder draws levels of its own below it"
            yield Remark(message, 'objective = "standard", with regularizers.kl')


def undrawn(part: Component, spec: Spec) -> Iterator[Remark]:
    """Report a prior that a part draws from in training, and that cannot be drawn from then."""
    prior = spec.latent.prior
    if prior is None or prior.fitted:
        what = "has no prior" if prior is None else f"has a prior, {prior.tag()!r}, that is fitted after training"
        message = f"{part.tag()} draws codes from the prior in training, and the latent {what}"
        yield Remark(message, 'latent.prior = "standard_normal"')


def by_total(spec: Spec) -> Iterator[Remark]:
    """Warn of weights that are chosen by a total with the output of a critic in it."""
    if spec.training.best_by == "total":
        message = "the total contains the critic's output, and the critic changes: totals of two epochs do not compare"
        yield Remark(message, 'training.best_by = "last"', "warning")


class AAESpec(_GameSpec):
    """The adversarial autoencoder: codes that a critic cannot tell from draws of the prior (arXiv:1511.05644).

    Each step has three turns: the model reconstructs; the critic learns to discriminate codes from draws of
    `latent.prior`; the encoder, alone, learns to mislead it. `critic.discrimination` is a cross-entropy: chance is
    ln 2 = 0.693.

    Example:
        [latent]
        type = "deterministic"
        dim = 8
        prior = "standard_normal"

        [objective]
        type = "adversarial:aae"
        critic = { optimizer = { type = "adam", lr = 3e-4, betas = [0.5, 0.9] } }
        encoder = { optimizer = { type = "adam", lr = 3e-4, betas = [0.5, 0.9] } }
    """

    type: Literal["aae"] = "aae"
    family: ClassVar[str] = "adversarial"
    players: ClassVar[tuple[str, ...]] = ("model", "critic", "encoder")
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction"})
    rate: ClassVar[bool] = True
    encoder: PlayerSpec = Field(PlayerSpec(), description="how the encoder moves when it misleads the critic")

    def player(self, name: str) -> PlayerSpec | None:
        return self.encoder if name == "encoder" else super().player(name)

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_adversarial.prior_matching import AdversarialAutoencoder

        return AdversarialAutoencoder(self.critic.build(self.critic_input(spec)))


class WAEGANSpec(_GameSpec):
    """The Wasserstein autoencoder with a critic of codes, WAE-GAN (arXiv:1711.01558, algorithm 1).

    The model learns from the reconstruction and `weight` times the adversarial loss, in one step; the critic learns, in
    another, to discriminate codes from draws of `latent.prior`.

    Example:
        [latent]
        type = "deterministic"
        dim = 8
        prior = "standard_normal"

        [objective]
        type = "adversarial:wae_gan"
        weight = 10.0
        critic = { optimizer = { type = "adam", lr = 5e-4, betas = [0.5, 0.9] } }

        [training]
        best_by = "last"
    """

    type: Literal["wae_gan"] = "wae_gan"
    family: ClassVar[str] = "adversarial"
    players: ClassVar[tuple[str, ...]] = ("model", "critic")
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction", "adversarial"})
    rate: ClassVar[bool] = True
    weight: ScheduleSpec = Field(ConstantSpec(value=10.0), description="factor of the adversarial loss: lambda")

    def weights(self) -> Mapping[str, ScheduleSpec]:
        return {"adversarial": self.weight}

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        yield from by_total(spec)

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_adversarial.prior_matching import WassersteinAutoencoder

        return WassersteinAutoencoder(self.critic.build(self.critic_input(spec)))


class FactorVAESpec(_GameSpec):
    """FactorVAE: a VAE whose code values are made independent, by their total correlation (arXiv:1802.05983).

    A critic learns to discriminate codes from codes whose values come from different samples; its mean logit over codes
    estimates `total_correlation`, in nats, a term of the model with `weight`, beside a `kl`.

    Example:
        [latent]
        type = "gaussian"
        dim = 6

        [regularizers.kl]
        weight = 1.0

        [objective]
        type = "adversarial:factor_vae"
        weight = 10.0
        critic = { optimizer = { type = "adam", lr = 1e-4, betas = [0.5, 0.9] } }

        [training]
        best_by = "last"
    """

    type: Literal["factor_vae"] = "factor_vae"
    family: ClassVar[str] = "adversarial"
    players: ClassVar[tuple[str, ...]] = ("model", "critic")
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction", "total_correlation"})
    draws: ClassVar[bool] = False
    weight: ScheduleSpec = Field(ConstantSpec(value=10.0), description="factor of the total correlation: gamma")

    def weights(self) -> Mapping[str, ScheduleSpec]:
        return {"total_correlation": self.weight}

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        yield from by_total(spec)
        if flat(spec.code_shape) == 1:
            yield Remark("a code of one value has no total correlation", "latent.dim = 2 or more", "warning")

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_adversarial.factor_vae import FactorVAE

        return FactorVAE(self.critic.build(self.critic_input(spec)))


class VAEGANSpec(_GameSpec):
    """VAE-GAN: samples compared by the features of a critic of samples (arXiv:1512.09300).

    The encoder's loss is the squared error of the critic's features and the penalties (a `kl`); the decoder's loss is
    `weight` times this error and the adversarial loss of decoded samples, reconstructed and from the prior. The critic
    learns to discriminate these from data. The likelihood gives the mean; its density is not used.

    Example:
        [latent]
        type = "gaussian"
        dim = 8

        [regularizers.kl]
        weight = 0.1

        [objective]
        type = "adversarial:vae_gan"
        weight = 1.0

        [objective.critic]
        optimizer = { type = "adam", lr = 1e-4, betas = [0.5, 0.9] }
        layers = [
            { type = "flatten" },
            { type = "linear", features = 512, activation = "leaky_relu" },
        ]

        [training]
        best_by = "last"
    """

    type: Literal["vae_gan"] = "vae_gan"
    family: ClassVar[str] = "adversarial"
    players: ClassVar[tuple[str, ...]] = ("encoder", "decoder", "critic")
    terms: ClassVar[frozenset[str]] = frozenset({"feature_error"})
    weight: ScheduleSpec = Field(ConstantSpec(value=1.0), description="factor of the decoder's feature error: gamma")
    decoder: PlayerSpec = Field(PlayerSpec(), description="optimizer of the decoder")

    def critic_input(self, spec: Spec) -> Shape:
        return spec.target_shape

    def player(self, name: str) -> PlayerSpec | None:
        return self.decoder if name == "decoder" else super().player(name)

    def weights(self) -> Mapping[str, ScheduleSpec]:
        return {"decoder.feature_error": self.weight}

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        if spec.mask is not None:
            yield Remark("its critic compares whole samples, and the mask leaves values out", "leave mask out")
        if spec.training.best_by != "last":
            message = "features are the critic's, and the critic changes: errors of two epochs do not compare"
            yield Remark(message, 'training.best_by = "last"', "warning")

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_adversarial.vae_gan import VAEGAN

        return VAEGAN(self.critic.build(self.critic_input(spec)))


COMPONENTS: list[type[Component]] = [AAESpec, WAEGANSpec, FactorVAESpec, VAEGANSpec]
