"""Metrics: numbers that say how good a model is on a split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Field, MetricSpec, Remark, Spec, flat

if TYPE_CHECKING:
    from aezoo.nn.code import Accumulator

#: Widest code whose covariance is computed: its memory grows with the square of the width.
WIDEST = 4096


class SquaredErrorSpec(MetricSpec):
    """Squared error of a reconstruction in units of the loss, summed over a sample, averaged over samples.

    These are the data's, or standardized ones where the spec says `normalize = "standardize"`.

    Example:
        type = "squared_error"
    """

    type: Literal["squared_error"] = "squared_error"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.likelihood.quantities

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import Mean, squared_errors

        return Mean(squared_errors)


class MeanSquaredErrorSpec(MetricSpec):
    """Squared error of a reconstruction in units of the loss, as `squared_error`, averaged over samples and values.

    Example:
        type = "mse"
    """

    type: Literal["mse"] = "mse"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.likelihood.quantities

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import PerValue, squared_errors

        return PerValue(squared_errors)


class PSNRSpec(MetricSpec):
    """Peak signal-to-noise ratio in decibels, 10 log10(range^2 / mse), of the mean squared error over the split.

    For targets that declare a `range`; in its units, also where the loss standardizes.

    Example:
        type = "psnr"
    """

    type: Literal["psnr"] = "psnr"
    better: ClassVar[str] = "higher"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.target_range is not None and spec.likelihood.quantities

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import PSNR

        low, high = spec.target_range or (0.0, 1.0)
        return PSNR(high - low)


class FVUSpec(MetricSpec):
    """Fraction of variance unexplained: `squared_error` over the variance of the split about its mean, in its units.

    0 is perfect, 1 is no better than the mean.

    Example:
        type = "fvu"
    """

    type: Literal["fvu"] = "fvu"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.likelihood.quantities

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import UnexplainedVariance

        return UnexplainedVariance()


class NLLSpec(MetricSpec):
    """-log p(x | z) with nothing drawn, in nats of the data, summed over a sample, averaged over samples.

    For likelihoods that are densities.

    Example:
        type = "nll"
    """

    type: Literal["nll"] = "nll"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.likelihood.density

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import Mean, nll

        return Mean(nll)


class RateSpec(MetricSpec):
    """Nats that a code tells: KL divergence of the posterior from the prior, averaged over samples.

    In closed form where there is one, else by one draw of the code for each sample. For latents with a posterior.

    Example:
        type = "rate"
    """

    type: Literal["rate"] = "rate"
    reconstructs: ClassVar[bool] = False
    noisy: ClassVar[bool] = True
    better: ClassVar[str] = ""

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.latent.has_rate

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.divergence import rate
        from aezoo.nn.metrics import Mean

        return Mean(rate)


class LevelRatesSpec(MetricSpec):
    """Nats that the code and each level below it tell, by the name of the layer; together they are `rate`.

    A level near 0 is dead: it has the prior of what comes down to it. For hierarchies, by one draw of each sample.

    Example:
        type = "level_rates"
        input = [16]
        encoder = [{ type = "linear", features = 12 }]
        latent = { type = "gaussian", dim = 2 }
        likelihood = "gaussian"
        regularizers.kl = { weight = 1.0 }
        decoder = [
            { type = "stochastic", dim = 4, reads = "encoder.0" },
            { type = "linear", features = 16, activation = "identity" },
        ]
    """

    type: Literal["level_rates"] = "level_rates"
    noisy: ClassVar[bool] = True
    better: ClassVar[str] = ""

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.latent.has_rate and bool(spec.levels)

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import LevelRates

        return LevelRates(_level_names(spec))


class ValueRatesSpec(MetricSpec):
    """Nats that single values of the code tell, by layer and position: those that tell most, the largest first.

    For codes whose rate is a sum over values; one that is estimated by a draw is a single number. Values near 0 are
    not used. Of hierarchies each level has its values, by one draw of each sample.

    Example:
        type = "value_rates"
        most = 4
    """

    type: Literal["value_rates"] = "value_rates"
    noisy: ClassVar[bool] = True
    better: ClassVar[str] = ""
    most: int = Field(ge=1, le=1000, description="how many are given")

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.latent.has_rate

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import ValueRates

        return ValueRates(_level_names(spec), most=self.most)


def _level_names(spec: Spec) -> list[str]:
    """The code and the levels below it, as taps are called."""
    return ["latent", *(f"decoder.{i}" for i in spec.levels)]


class ELBOSpec(MetricSpec):
    """Evidence lower bound of log p(x) in nats of the data, one draw of the code for each sample: -(nll + rate).

    For latents with a posterior under likelihoods that are densities.

    Example:
        type = "elbo"
    """

    type: Literal["elbo"] = "elbo"
    noisy: ClassVar[bool] = True
    better: ClassVar[str] = "higher"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.latent.has_rate and spec.likelihood.density

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import Mean, elbo

        return Mean(elbo)


class BitsPerValueSpec(MetricSpec):
    """Bits that each value of the data takes by the ELBO: -elbo / (values log 2) - log2(resolution).

    A density is that of values without steps; of data in steps it gives a probability times `resolution`, the width of
    a step (Theis et al. 2016, arXiv:1511.01844, section 3.1). It is 1 for bits, classes and counts, and 1/255 for
    images of 8 bits that are scaled to [0, 1]. Papers call it bits per dimension.

    Example:
        type = "bits_per_value"
        resolution = 0.00392156862745098
    """

    type: Literal["bits_per_value"] = "bits_per_value"
    noisy: ClassVar[bool] = True
    resolution: float = Field(gt=0, description="width of a step of the data, in their units")

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return ELBOSpec.applies(spec)

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import BitsPerValue

        return BitsPerValue(self.resolution)


class AggregatePosteriorSpec(MetricSpec):
    """A rate in two parts, in nats: what tells samples apart, and by how much all codes together miss the prior.

    `aggregate_posterior.information` is the mutual information of sample and code, `.mismatch` the divergence of the
    mixture of all posteriors from the prior (Hoffman and Johnson 2016, "ELBO surgery"). Together they are the rate of
    the samples that are mixed, by one draw of each. The information is at most the logarithm of their number.

    Example:
        type = "aggregate_posterior"
        samples = 500
    """

    type: Literal["aggregate_posterior"] = "aggregate_posterior"
    reconstructs: ClassVar[bool] = False
    noisy: ClassVar[bool] = True
    better: ClassVar[str] = ""
    samples: int = Field(ge=2, le=10_000, description="how many are mixed, at most; time grows with the square")

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.latent.has_rate and not spec.levels

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.aggregate_posterior import AggregatePosterior

        return AggregatePosterior(self.samples)


class ActiveUnitsSpec(MetricSpec):
    """How many values of the code, of a posterior its mean, vary over the split by more than a threshold.

    Burda et al. 2015 (arXiv:1509.00519), section 5.2. For latents with a posterior.

    Example:
        type = "active_units"
        threshold = 0.01
    """

    type: Literal["active_units"] = "active_units"
    reconstructs: ClassVar[bool] = False
    better: ClassVar[str] = ""
    threshold: float = Field(0.01, ge=0, description="variance above which a value is active")

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.latent.posterior

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import ActiveUnits

        return ActiveUnits(self.threshold)


class SparsitySpec(MetricSpec):
    """Share of a code's values that are not zero, averaged over samples; times the width it is the L0.

    For codes that pass through a relu or a selection.

    Example:
        type = "sparsity"
    """

    type: Literal["sparsity"] = "sparsity"
    reconstructs: ClassVar[bool] = False
    better: ClassVar[str] = ""

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        selects = "pre" in spec.latent.provides and not spec.latent.quantized
        return selects and getattr(spec.latent, "activation", "relu") == "relu"

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import Mean, active_share

        return Mean(active_share)


class DeadSpec(MetricSpec):
    """Share of a code's units that are 0 for every sample of the split.

    For codes that pass through a relu or a selection.

    Example:
        type = "dead"
    """

    type: Literal["dead"] = "dead"
    reconstructs: ClassVar[bool] = False

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return SparsitySpec.applies(spec)

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import DeadShare

        return DeadShare()


class MeanActivationSpec(MetricSpec):
    """Mean value of a sigmoid code: a KL-sparse autoencoder keeps it at its target rate.

    Example:
        type = "mean_activation"
    """

    type: Literal["mean_activation"] = "mean_activation"
    reconstructs: ClassVar[bool] = False
    better: ClassVar[str] = ""

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return getattr(spec.latent, "activation", "") == "sigmoid"

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import Mean, mean_activation

        return Mean(mean_activation)


class LatentRankSpec(MetricSpec):
    """How many directions the codes fill: participation ratio (tr C)^2 / tr C^2 of their covariance C.

    The width for a white code, 1 if all codes lie on a line.

    Example:
        type = "latent_rank"
    """

    type: Literal["latent_rank"] = "latent_rank"
    reconstructs: ClassVar[bool] = False
    better: ClassVar[str] = ""

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return flat(spec.code_shape) <= WIDEST

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import LatentRank

        return LatentRank()


class ProbeSpec(MetricSpec):
    """How well a linear map of the codes tells classes: ridge regression in closed form on the training split.

    `probe.accuracy` is the share of samples whose class it tells, `probe.most_common` that of the class that is most
    common in the training split (Alain and Bengio 2016, arXiv:1610.01644). Least squares hides a class that lies
    between others on a line (Hastie et al. 2009, section 4.2).

    Example:
        type = "probe"
        on = "fields.label"
        fields.label = { classes = 10 }
    """

    type: Literal["probe"] = "probe"
    reconstructs: ClassVar[bool] = False
    better: ClassVar[str] = "higher"
    on: str = Field(description="the field of the classes: fields.label")

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return flat(spec.code_shape) <= WIDEST

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        stem, _, name = self.on.partition(".")
        unknown = stem == "fields" and name not in spec.fields  # which is reported for every part that names a field
        if not unknown and not self._classes(spec):
            known = [f"fields.{name}" for name, field in spec.fields.items() if field.classes]
            hint = f"there are: {', '.join(known)}" if known else "fields.label = { classes = 10 }"
            yield Remark(f"no field of classes is called {self.on!r}", hint, code="AZ531", at="on")

    def _classes(self, spec: Spec) -> int:
        stem, _, name = self.on.partition(".")
        field = spec.fields.get(name) if stem == "fields" else None
        return (field and field.classes) or 0

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.linear_probe import LinearProbe

        return LinearProbe(self.on, self._classes(spec))
