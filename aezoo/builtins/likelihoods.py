"""Likelihoods without a scale: the decoder's output as parameters of a density."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import RANGES, Field, LikelihoodSpec, Range, Remark, Shape, Spec

if TYPE_CHECKING:
    from torch import nn

Activation = Literal["identity", "sigmoid", "tanh"]


UNIT: Range = (0.0, 1.0)
ANY: Range = (-inf, inf)


def reachable(output: Activation, spec: Spec) -> Iterator[Remark]:
    """Warn if the range of the mean does not cover the data."""
    low, high = RANGES[output]
    if output != "identity" and spec.input.normalize != "none":
        message = f"a mean out of {output} cannot reach standardized values"
    elif (data := spec.target_range) and not low <= data[0] < data[1] <= high:
        least, most = data
        message = f"a mean out of {output} stays in [{low:g}, {high:g}], the data lie in [{least:g}, {most:g}]"
    else:
        return
    yield Remark(message, 'output = "identity"', "warning", "AZ519", at="output")


class BernoulliSpec(LikelihoodSpec):
    """Independent bits: binary cross-entropy, with the decoder's output as logits; data in [0, 1].

    A density of bits, but not of grey values: see `continuous_bernoulli`.

    Example:
        likelihood = "bernoulli"
    """

    type: Literal["bernoulli"] = "bernoulli"
    valuewise: ClassVar[bool] = True
    resizable: ClassVar[bool] = True
    support: ClassVar[Range | None] = UNIT

    def raw_range(self, data: Range) -> Range:
        return ANY  # logits

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.likelihood import Bernoulli

        return Bernoulli()


class ContinuousBernoulliSpec(LikelihoodSpec):
    """The density on [0, 1] that goes with cross-entropy: p(x) = C(q) q^x (1 - q)^(1 - x).

    Loaiza-Ganem and Cunningham 2019, arXiv:1907.06845. The decoder gives the logit of q; C(q) makes the density
    integrate to one; the mean is not q, but closer to 1/2.

    Example:
        likelihood = "continuous_bernoulli"
    """

    type: Literal["continuous_bernoulli"] = "continuous_bernoulli"
    valuewise: ClassVar[bool] = True
    resizable: ClassVar[bool] = True
    support: ClassVar[Range | None] = UNIT

    def raw_range(self, data: Range) -> Range:
        return ANY  # logits

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.likelihood import ContinuousBernoulli

        return ContinuousBernoulli()


class MSESpec(LikelihoodSpec):
    """Sum of squared errors, |x - mean|^2: no density, hence no nats and no ELBO; with a KL, take `gaussian`.

    Its scale is that of a Gaussian of variance 1/2, without the constant.

    Example:
        likelihood = "mse"
    """

    type: Literal["mse"] = "mse"
    valuewise: ClassVar[bool] = True
    resizable: ClassVar[bool] = True
    density: ClassVar[bool] = False
    output: Activation = Field("identity", description="function that the mean passes through")

    def raw_range(self, data: Range) -> Range:
        return data if self.output == "identity" else ANY

    def mean_range(self) -> Range | None:
        return None if self.output == "identity" else RANGES[self.output]

    def error_factor(self) -> float:
        return 1.0

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from reachable(self.output, spec)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.likelihood import SquaredError

        return SquaredError(output=self.output)
