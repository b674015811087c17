"""Metrics of codes: how far they are from the prior, and from independence."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Component, MetricSpec, Spec, flat

if TYPE_CHECKING:
    from aezoo.nn.code import Accumulator

#: Widest code whose covariance can be estimated from a split.
WIDEST = 512


class MMDSpec(MetricSpec):
    """Squared maximum mean discrepancy between the codes of a split and draws from the prior; 0 if both are equal.

    The kernel is a mean of 1,024 cosines, near exp(-|a - b|^2 / 2 D) for codes of D values; the estimate is unbiased
    (Gretton et al. 2012, JMLR 13:723) and so may fall a little below zero.

    Example:
        type = "adversarial:mmd"
    """

    type: Literal["mmd"] = "mmd"
    noisy: ClassVar[bool] = True

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return spec.latent.prior is not None

    def build(self, spec: Spec) -> Accumulator:
        from aezoo_adversarial.measures import Discrepancy

        return Discrepancy()


class TotalCorrelationSpec(MetricSpec):
    """Information that code values share, in nats, as if codes were Gaussian: (sum ln C_ii - ln det C) / 2.

    C is the covariance of codes, drawn ones of a noisy latent. For codes that are not
    Gaussian the total correlation may be larger.

    Example:
        type = "adversarial:total_correlation"
    """

    type: Literal["total_correlation"] = "total_correlation"
    noisy: ClassVar[bool] = True

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return 1 < flat(spec.code_shape) <= WIDEST

    def build(self, spec: Spec) -> Accumulator:
        from aezoo_adversarial.measures import TotalCorrelation

        return TotalCorrelation()


COMPONENTS: list[type[Component]] = [MMDSpec, TotalCorrelationSpec]
