"""Objectives that draw several codes of each sample, declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Component, Field, ObjectiveSpec, Remark, Spec

if TYPE_CHECKING:
    from torch import nn


class IWAESpec(ObjectiveSpec):
    """The importance-weighted autoencoder: a bound of log p(x) by `k` draws (arXiv:1509.00519, equation 8).

    The term `bound` is -log (1/k) sum_i p(x, z_i) / q(z_i | x), in nats: the negative ELBO with k = 1, and tighter with
    each further draw. It contains the rate, so that no `kl` stands beside it.

    With `mask`, it bounds the density of the values that are known, and hidden ones teach nothing: MIWAE (Mattei and
    Frellsen 2019, arXiv:1812.02633).

    - `iwae`: the gradient of that term. The encoder's has a signal that vanishes beside its noise as k grows
      (arXiv:1802.04537).
    - `dreg`: the doubly reparameterized gradient (arXiv:1810.04152, equation 8), equal in the mean, of less variance.

    Example:
        [latent]
        type = "gaussian"
        dim = 8

        [objective]
        type = "densities:iwae"
        k = 5
        estimator = "dreg"
    """

    type: Literal["iwae"] = "iwae"
    family: ClassVar[str] = "importance-weighted"
    needs: ClassVar[frozenset[str]] = frozenset({"posterior"})
    terms: ClassVar[frozenset[str]] = frozenset({"bound"})
    rate: ClassVar[bool] = True
    k: int = Field(5, ge=1, description="how many codes are drawn of each sample")
    estimator: Literal["iwae", "dreg"] = Field("iwae", description="how the gradient is estimated")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if not spec.likelihood.density:
            message = f"the likelihood {spec.likelihood.tag()!r} is no density: the term bounds no log p(x)"
            yield Remark(message, 'likelihood = "gaussian"', "warning")
        if self.estimator == "dreg" and spec.levels:
            message = "this gradient is derived for one code, and the decoder draws levels below it"
            yield Remark(message, 'estimator = "iwae"', at="estimator")

    def build(self, spec: Spec) -> nn.Module:
        from aezoo_densities.importance import DoublyReparameterized, ImportanceWeighted

        return (DoublyReparameterized if self.estimator == "dreg" else ImportanceWeighted)(self.k)


COMPONENTS: list[type[Component]] = [IWAESpec]
