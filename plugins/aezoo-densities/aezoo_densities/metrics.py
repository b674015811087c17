"""Metrics: a model's density of the data, and its prior's density of the codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Component, Field, MetricSpec, Remark, Spec

if TYPE_CHECKING:
    from aezoo.nn.code import Accumulator


class ImportanceWeightedNLLSpec(MetricSpec):
    """-log p(x) by importance sampling with `k` draws of each code, in nats of the data, averaged over samples.

    It is the bound of `densities:iwae`, which falls to -log p(x) as k grows (Burda et al. 2015, arXiv:1509.00519,
    theorem 1): an upper bound in the mean, tight where k is a few thousand. The prior is the one that the model is
    trained with. A pass of the decoder for each draw makes it slow, so that only a spec that asks for it has it; the
    draws are the same in each evaluation.

    Example:
        type = "densities:iw_nll"
        k = 100
    """

    type: Literal["iw_nll"] = "iw_nll"
    k: int = Field(ge=1, description="how many codes are drawn of each sample: 5000 for a figure to report")

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.latent.has_rate and spec.likelihood.density

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import Mean
        from aezoo_densities.importance import log_likelihood

        return Mean(lambda out: log_likelihood(out, self.k).neg())


class ImputationErrorSpec(MetricSpec):
    """Root mean square error of imputed values, those that the mask hides, in units of the loss.

    A hidden value is imputed by its mean under the model, given the known ones: `k` draws of the code count by their
    importance weights (MIWAE: Mattei and Frellsen 2019, arXiv:1812.02633, section 3.2). The field `truth` has hidden
    values, too, of data where some are hidden to try it out. Of standardized data the error of the mean is about 1.

    Example:
        type = "densities:imputation_rmse"
        k = 100
        truth = "fields.whole"
        input = {shape = [8], observed = "fields.observed"}
        mask = "fields.observed"
        fields = {observed = {shape = [8]}, whole = {shape = [8]}}
        latent = {type = "gaussian", dim = 2}
        objective = "densities:iwae"
        likelihood = {type = "gaussian", variance = "learned"}
    """

    type: Literal["imputation_rmse"] = "imputation_rmse"
    k: int = Field(ge=1, description="how many codes are drawn of each sample: 1000 for a figure to report")
    truth: str = Field(pattern=r"^fields\.", description="the field with all values, hidden ones too: `fields.whole`")

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.latent.has_rate and spec.likelihood.density and spec.mask is not None

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        for name in self.reads_fields():
            if name not in spec.fields or spec.fields[name].sample_shape != spec.target_shape:
                message = f"no field {name!r} is declared with the shape of the values that are compared"
                yield Remark(message, f"{self.truth}.shape = {list(spec.target_shape)}", at="truth")

    def build(self, spec: Spec) -> Accumulator:
        from aezoo_densities.importance import ImputationError

        return ImputationError(self.k, *self.reads_fields())


class PriorNLLSpec(MetricSpec):
    """-log p(z) of codes under the prior that samples are drawn from, in nats, averaged over samples.

    Of two priors of the same codes, fitted ones above all, the lower one is nearer to them. Codes of a posterior are
    drawn. Codes of another model have another scale, and do not compare.

    Example:
        type = "densities:prior_nll"
    """

    type: Literal["prior_nll"] = "prior_nll"
    noisy: ClassVar[bool] = True

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.latent.prior is not None and spec.latent.prior.density

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import Mean

        return Mean(lambda out: out.model.prior.log_prob(out.code.z).neg())


COMPONENTS: list[type[Component]] = [ImportanceWeightedNLLSpec, ImputationErrorSpec, PriorNLLSpec]
