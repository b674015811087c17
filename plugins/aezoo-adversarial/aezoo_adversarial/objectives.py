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
#: What a critic is made of unless a spec says otherwise: two wide layers, leaky so that no gradient dies.
DENSE = ({"type": "linear", "features": 256, "activation": "leaky_relu"},) * 2


class CriticSpec(PlayerSpec):
    """A network that tells two kinds apart, and how it moves."""

    layers: Layers = Field(DENSE, description="from what it judges to its features; a map to one logit follows")  # type: ignore[arg-type]

    def parameters(self, shape: Shape) -> int:
        """How many weights it has (counted without torch)."""
        shapes = trace(self.layers, shape)
        layers = sum(layer.parameters(given) for layer, given in zip(self.layers, shapes, strict=False))
        return layers + flat_parameters(shapes[-1], (1,))

    def remarks(self, shape: Shape) -> Iterator[Remark]:
        """What does not fit."""
        try:
            trace(self.layers, shape)
        except ShapeError as error:
            yield Remark(f"its layers do not fit what it judges: {error}", "take others", at="critic")

    def build(self, shape: Shape) -> Critic:
        from aezoo_adversarial.critic import Critic

        shapes = trace(self.layers, shape)
        layers = [made(layer, given) for layer, given in zip(self.layers, shapes, strict=False)]
        return Critic(layers, flat(shapes[-1]))


class _GameSpec(ObjectiveSpec):
    """What objectives with a critic have in common; it judges codes as vectors, unless a game says otherwise."""

    #: Whether codes are drawn from the prior while it trains.
    draws: ClassVar[bool] = True
    critic: CriticSpec = Field(default_factory=dict, description="who tells the two kinds apart, and how it learns")  # type: ignore[assignment]

    def judged(self, spec: Spec) -> Shape:
        """Shape of what the critic is given."""
        return (flat(spec.code_shape),)

    def player(self, name: str) -> PlayerSpec | None:
        return self.critic if name == "critic" else None

    def parameters(self, spec: Spec) -> int:
        return self.critic.parameters(self.judged(spec))

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from self.critic.remarks(self.judged(spec))
        prior = spec.latent.prior
        if self.draws and (prior is None or prior.fitted):
            what = "has no prior" if prior is None else f"has a prior, {prior.tag()!r}, that is fitted after training"
            told = f"{self.tag()} draws codes from the prior while it trains, and the latent {what}"
            yield Remark(told, 'latent.prior = "standard_normal"')


def _by_total(spec: Spec) -> Iterator[Remark]:
    if spec.training.best_by == "total":
        told = "the total holds what the critic thinks, and another epoch has another critic: totals do not compare"
        yield Remark(told, 'training.best_by = "last"', "warning")


class AAESpec(_GameSpec):
    """The adversarial autoencoder: codes that a critic takes for draws from the prior (arXiv:1511.05644).

    Each step has three turns: the model reconstructs; the critic learns to tell codes from draws of `latent.prior`; the
    encoder, alone, learns to mislead it. `critic.discrimination` is a cross-entropy: ln 2 = 0.693 is a guess.

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
    players: ClassVar[tuple[str, ...]] = ("model", "critic", "encoder")
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction"})
    rate: ClassVar[bool] = True
    encoder: PlayerSpec = Field(PlayerSpec(), description="how the encoder moves when it misleads the critic")

    def player(self, name: str) -> PlayerSpec | None:
        return self.encoder if name == "encoder" else super().player(name)

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_adversarial.matching import AdversarialAutoencoder

        return AdversarialAutoencoder(self.critic.build(self.judged(spec)))


class WAEGANSpec(_GameSpec):
    """The Wasserstein autoencoder with a critic of codes, WAE-GAN (arXiv:1711.01558, algorithm 1).

    The model is told the reconstruction and `weight` times the adversarial loss, in one step; the critic, in another,
    to tell codes from draws of `latent.prior`.

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
    players: ClassVar[tuple[str, ...]] = ("model", "critic")
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction", "adversarial"})
    rate: ClassVar[bool] = True
    weight: ScheduleSpec = Field(ConstantSpec(value=10.0), description="factor of the adversarial loss: lambda")

    def weights(self) -> Mapping[str, ScheduleSpec]:
        return {"adversarial": self.weight}

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        yield from _by_total(spec)

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_adversarial.matching import WassersteinAutoencoder

        return WassersteinAutoencoder(self.critic.build(self.judged(spec)))


class FactorVAESpec(_GameSpec):
    """FactorVAE: a VAE whose code values are made independent, by their total correlation (arXiv:1802.05983).

    A critic learns to tell codes from codes whose values come from different samples; its mean logit over codes is the
    estimate of `total_correlation`, in nats, which the model pays `weight` times, beside a `kl`.

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
    players: ClassVar[tuple[str, ...]] = ("model", "critic")
    terms: ClassVar[frozenset[str]] = frozenset({"reconstruction", "total_correlation"})
    draws: ClassVar[bool] = False
    weight: ScheduleSpec = Field(ConstantSpec(value=10.0), description="factor of the total correlation: gamma")

    def weights(self) -> Mapping[str, ScheduleSpec]:
        return {"total_correlation": self.weight}

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        yield from _by_total(spec)
        if flat(spec.code_shape) == 1:
            yield Remark("a code of one value has no total correlation", "latent.dim = 2 or more", "warning")

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_adversarial.factors import FactorVAE

        return FactorVAE(self.critic.build(self.judged(spec)))


class VAEGANSpec(_GameSpec):
    """VAE-GAN: samples compared by what a critic of samples sees in them (arXiv:1512.09300).

    The encoder is told the squared error of the critic's features and the penalties (a `kl`); the decoder `weight`
    times that error and the adversarial loss of what it makes, reconstructed and from the prior; the critic to tell
    these from data. The likelihood gives the mean, and its density is not asked.

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
    players: ClassVar[tuple[str, ...]] = ("encoder", "decoder", "critic")
    terms: ClassVar[frozenset[str]] = frozenset({"feature_error"})
    weight: ScheduleSpec = Field(ConstantSpec(value=1.0), description="factor of the decoder's feature error: gamma")
    decoder: PlayerSpec = Field(PlayerSpec(), description="how the decoder moves")

    def judged(self, spec: Spec) -> Shape:
        return spec.input.shape

    def player(self, name: str) -> PlayerSpec | None:
        return self.decoder if name == "decoder" else super().player(name)

    def weights(self) -> Mapping[str, ScheduleSpec]:
        return {"decoder.feature_error": self.weight}

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        if spec.training.best_by != "last":
            told = "features are the critic's, and another epoch has another critic: errors do not compare"
            yield Remark(told, 'training.best_by = "last"', "warning")

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_adversarial.likeness import VAEGAN

        return VAEGAN(self.critic.build(self.judged(spec)))


COMPONENTS: list[type[Component]] = [AAESpec, WAEGANSpec, FactorVAESpec, VAEGANSpec]
