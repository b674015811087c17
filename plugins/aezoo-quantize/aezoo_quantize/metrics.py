"""Metrics of quantized codes: how many of them are used, and how evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Component, MetricSpec, Spec
from aezoo_quantize.latents import QuantizedSpec

if TYPE_CHECKING:
    from aezoo.nn.code import Accumulator


class _CountedSpec(MetricSpec):
    """A number computed from the counts of the codes in the split."""

    better: ClassVar[str] = "higher"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return isinstance(spec.latent, QuantizedSpec)


class PerplexitySpec(_CountedSpec):
    """exp(entropy) of the codes over the split: K if all K are used equally, 1 if only one is used.

    Of several codebooks the geometric mean. It cannot exceed the number of vectors in the split.

    Example:
        type = "quantize:perplexity"
    """

    type: Literal["perplexity"] = "perplexity"

    def build(self, spec: Spec) -> Accumulator:
        from aezoo_quantize.counts import Perplexity

        assert isinstance(spec.latent, QuantizedSpec)
        return Perplexity(spec.latent.alphabet(), codebooks=spec.latent.codebooks)


class UsageSpec(_CountedSpec):
    """Share of the codes that occur in the split at all; of several codebooks, of all their codes.

    Example:
        type = "quantize:usage"
    """

    type: Literal["usage"] = "usage"

    def build(self, spec: Spec) -> Accumulator:
        from aezoo_quantize.counts import Usage

        assert isinstance(spec.latent, QuantizedSpec)
        return Usage(spec.latent.alphabet(), codebooks=spec.latent.codebooks)


COMPONENTS: list[type[Component]] = [PerplexitySpec, UsageSpec]
