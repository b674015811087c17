"""Regularizers of quantized codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Component, Field, RegularizerSpec, Remark, Shape, Spec

if TYPE_CHECKING:
    from torch import nn


class _CodeTermSpec(RegularizerSpec):
    """Base of terms that read fields of the code."""

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if self.on != "latent":
            yield Remark(f"{self.tag()} reads the latent alone, got on = {self.on!r}", "leave 'on' out", at="on")


class CommitmentSpec(_CodeTermSpec):
    """Keep vectors near their codes, sum |pre - sg(code)|^2; `weight` is the beta of arXiv:1711.00937, equation 3.

    Example:
        [latent]
        type = "quantize:vq"
        dim = 16
        codes = 64

        [regularizers.commitment]
        type = "quantize:commitment"
        weight = 0.25
    """

    type: Literal["commitment"] = "commitment"
    needs: ClassVar[frozenset[str]] = frozenset({"commitment"})

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_quantize.terms import Sum

        return Sum("commitment")


class CodebookTermSpec(_CodeTermSpec):
    """Move codes to their vectors, sum |sg(pre) - code|^2: for `update = "loss"` (arXiv:1711.00937, equation 3).

    Example:
        [latent]
        type = "quantize:vq"
        dim = 16
        codes = 64
        update = "loss"

        [regularizers.codebook]
        type = "quantize:codebook"

        [regularizers.commitment]
        type = "quantize:commitment"
        weight = 0.25
    """

    type: Literal["codebook"] = "codebook"
    needs: ClassVar[frozenset[str]] = frozenset({"codebook"})

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        if getattr(spec.latent, "update", "loss") == "ema":
            message = "running means move the codes: this term has no gradient"
            yield Remark(message, 'leave the term out, or latent.update = "loss"', "warning")

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_quantize.terms import Sum

        return Sum("codebook")


class EntropySpec(_CodeTermSpec):
    """Certain codes, equally used: E[H(c | x)] - gamma H(E[c | x]) for each vector (arXiv:2310.05737, section 3).

    In nats, summed over a sample's vectors. The expectation is over all vectors of the batch, and exact.

    Example:
        [latent]
        type = "quantize:lfq"
        dim = 8

        [regularizers.entropy]
        type = "quantize:entropy"
        weight = 0.1
    """

    type: Literal["entropy"] = "entropy"
    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    gamma: float = Field(1.0, ge=0, description="weight of the diversity; at 0 the codes may collapse into one")

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_quantize.terms import Entropy

        return Entropy(gamma=self.gamma)


COMPONENTS: list[type[Component]] = [CommitmentSpec, CodebookTermSpec, EntropySpec]
