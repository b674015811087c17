"""Regularizers: penalties in nats, summed over a sample's axes, averaged over the batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import model_validator

from aezoo.plugin import (
    ConstantSpec,
    Field,
    LayerSpec,
    RegularizerSpec,
    Remark,
    ScheduleSpec,
    Shape,
    Spec,
    Within,
    flat,
    scheduled,
)

if TYPE_CHECKING:
    from torch import nn

Nats = Annotated[ScheduleSpec, Within(ge=0)]
#: Smallest batch in which a rate of 0.05 can be estimated.
SMALL_BATCH = 100


def _latent_only(term: RegularizerSpec) -> Iterator[Remark]:
    if term.on != "latent":
        message = f"{term.tag()} reads the latent and nothing else, got on = {term.on!r}"
        yield Remark(message, "leave 'on' out", at="on")


def _free_decoder(spec: Spec) -> bool:
    """Whether the decoder may grow without bound while the code shrinks."""
    bound = any(c.bounding and c.on.partition(".")[0] == "decoder" for c in spec.constraints.values())
    return spec.reconstructs and not (spec.decoder.tied or bound or spec.training.optimizer.decay())


def _in_the_long_run(weight: ScheduleSpec) -> float | None:
    """The number that a weight ends at; None for 0."""
    last = weight.value(999_999, 1_000_000)
    return last if last > 0 else None


def _over_batch(layers: Iterable[LayerSpec], shape: Shape) -> bool:
    """Whether a layer, or one inside it, normalizes over the batch."""
    for layer in layers:
        within = any(_over_batch([inner], inner_shape) for _, inner, inner_shape in layer.inside(shape))
        if within or layer.batch_norm(shape) is not None:
            return True
        shape = layer.output_shape(shape)
    return False


def _one_layer(spec: Spec) -> bool:
    """Whether the encoder is one affine map and a pointwise function."""
    affine = spec.latent.tag() in ("deterministic", "gaussian") and len(spec.code_shape) == 1
    known = getattr(spec.latent, "activation", "identity") in ("identity", "sigmoid", "tanh", "relu")
    return affine and known and all(layer.tag() == "flatten" for layer in spec.encoder)


class KLSpec(RegularizerSpec):
    """Pull the posterior towards the prior; `weight` is the beta of a beta-VAE (Higgins et al. 2017).

    KL(q(z | x) || p(z)), in nats: for Gaussians against N(0, I) sum (mean^2 + exp(logvar) - 1 - logvar) / 2
    (arXiv:1312.6114, appendix B); without a closed form log q(z | x) - log p(z) at the draw. p is `latent.prior`, or
    N(0, I) where that is fitted after training.

    Example:
        [regularizers.kl]
        weight = 1.0
        free_bits = 0.1
    """

    type: Literal["kl"] = "kl"
    needs: ClassVar[frozenset[str]] = frozenset({"posterior"})
    rate: ClassVar[bool] = True
    free_bits: Nats = Field(
        ConstantSpec(value=0.0),
        description="nats of each code value that are free, by its batch mean (arXiv:1606.04934); without a "
        "closed form, the whole code; a number or a schedule",
    )
    capacity: Nats = Field(
        ConstantSpec(value=0.0),
        description="nats that the code should carry, a number or a schedule: the term is |KL - capacity| "
        "(arXiv:1804.03599)",
    )

    @model_validator(mode="after")
    def _one_idea(self) -> Self:
        if len(self._used()) > 1:
            raise ValueError("free_bits and capacity serve the same purpose: choose one")
        return self

    def _used(self) -> dict[str, ScheduleSpec]:
        """Those of the two that are not 0 throughout."""
        numbers = {"free_bits": self.free_bits, "capacity": self.capacity}
        return {name: number for name, number in numbers.items() if number.constant != 0}

    def price(self, spec: Spec) -> float | None:
        return None if self._used() else _in_the_long_run(self.weight)

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _latent_only(self)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.divergence import Rate

        return scheduled(Rate(), **self._used())


class KLSparsitySpec(RegularizerSpec):
    """Let each unit be active at a given rate: KL between rates, of a code or layer that ends in a sigmoid.

    sum over units of rho log(rho / r) + (1 - rho) log((1 - rho) / (1 - r)), in nats, with r the unit's mean over the
    batch (Ng 2011, "Sparse autoencoder", section 3).

    Example:
        [regularizers.kl_sparsity]
        weight = 3.0
        rho = 0.05
    """

    type: Literal["kl_sparsity"] = "kl_sparsity"
    family: ClassVar[str] = "sparse"
    sparsifies: ClassVar[bool] = True
    rho: float = Field(0.05, gt=0, lt=1, description="the rate: mean value that a unit should have")
    momentum: float | None = Field(
        None, gt=0, lt=1, description="share of the past in a running mean of the rates; by default the batch alone"
    )

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        batch = spec.training.batch_size
        if self.momentum is None and batch < SMALL_BATCH:
            yield Remark(
                f"a batch of {batch} is too small to estimate a rate",
                f"training.batch_size = {SMALL_BATCH} or more, or momentum = 0.9",
            )
        activation = self._activation(spec)
        if activation != "sigmoid":
            yield Remark(
                f"rates are of units in (0, 1), and {self.on!r} ends in {activation or 'no sigmoid'}",
                f'{self.on}: activation = "sigmoid"',
            )

    def _activation(self, spec: Spec) -> str | None:
        if self.on == "latent":
            return getattr(spec.latent, "activation", None)
        stack, _, index = self.on.partition(".")
        layers = {"encoder": spec.encoder, "decoder": spec.decoder_layers()}.get(stack, ())
        if not index.isdigit() or int(index) >= len(layers):
            return None
        style = layers[int(index)].style()
        return style.activation if style else None

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.sparsity_penalties import RateKL

        return RateKL(self.on, rate=self.rho, units=flat(shape), momentum=self.momentum)


class L1Spec(RegularizerSpec):
    """Sum of absolute values, sum |z_j|: few large units instead of many small ones.

    Example:
        [regularizers.l1]
        weight = 0.1

        [constraints.unit_norm]
        on = "decoder"
    """

    type: Literal["l1"] = "l1"
    family: ClassVar[str] = "sparse"
    sparsifies: ClassVar[bool] = True

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.on == "latent" and _free_decoder(spec):
            yield Remark(
                "a code can shrink and a free decoder grow: the penalty falls, the model stays",
                "constraints.unit_norm = {}",
                "warning",
            )

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.sparsity_penalties import AbsoluteSum

        return AbsoluteSum(self.on)


class L2Spec(RegularizerSpec):
    """Sum of squares, sum z_j^2: keeps a deterministic code near the origin (arXiv:1903.12436, section 3).

    Example:
        [regularizers.l2]
        weight = 0.5
    """

    type: Literal["l2"] = "l2"

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.sparsity_penalties import SquareSum

        return SquareSum(self.on)


class ContractiveSpec(RegularizerSpec):
    """Squared Frobenius norm of the Jacobian d(code)/d(input), at the clean input (Rifai et al. 2011).

    `estimator = "auto"` takes the closed form where the encoder is one affine map and a pointwise function,
    else `probes` Hutchinson probes, which are unbiased. The decoder should be tied or bounded: else the encoder
    can shrink while the decoder grows, and the penalty falls without a change of the model.

    Example:
        decoder = {tied = true}

        [regularizers.contractive]
        weight = 0.1
    """

    type: Literal["contractive"] = "contractive"
    family: ClassVar[str] = "contractive"
    estimator: Literal["auto", "closed_form", "hutchinson", "exact"] = Field(
        "auto", description="how the norm is computed; exact takes one product for each code value"
    )
    probes: int = Field(1, ge=1, le=1024, description="random directions for each sample of the Hutchinson estimate")

    def price(self, spec: Spec) -> float | None:
        return None if _free_decoder(spec) else _in_the_long_run(self.weight)

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _latent_only(self)
        if _free_decoder(spec):
            yield Remark(
                "the encoder can shrink and a free decoder grow: the penalty falls, the model stays "
                "(Rifai et al. 2011 tie the two; a weight that is too large for the data then shows, as AZ713)",
                "decoder = {tied = true}, or constraints.unit_norm = {}",
                "warning",
                "AZ516",
            )
        if _over_batch(spec.encoder_layers(), spec.input.shape):
            yield Remark(
                "with batch norm in the encoder a code depends on its batch, and so does the penalty",
                'norm = "group" or "layer"',
                "warning",
            )
        if self.estimator == "closed_form" and not _one_layer(spec):
            yield Remark(
                "the closed form is for an encoder of one affine map and a sigmoid, tanh or relu",
                'estimator = "auto"',
                at="estimator",
            )

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.contraction import Contraction

        return Contraction(estimator=self.estimator, probes=self.probes)
