"""Metrics: a model's density of the data, and its prior's density of the codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Component, Field, MetricSpec, Spec

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


COMPONENTS: list[type[Component]] = [ImportanceWeightedNLLSpec, PriorNLLSpec]
