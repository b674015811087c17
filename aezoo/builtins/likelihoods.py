"""Likelihoods: what a decoder's output means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from aezoo.plugin import Component, Field, LikelihoodSpec, Remark, Shape, Spec

if TYPE_CHECKING:
    from torch import nn

Activation = Literal["identity", "sigmoid", "tanh"]


def _unit_interval(part: str, spec: Spec) -> Iterator[Remark]:
    if spec.input.range != (0.0, 1.0) or spec.input.normalize != "none":
        yield Remark(
            f"{part} takes data in [0, 1], and the input does not declare them",
            'input = {shape = [...], range = [0, 1], normalize = "none"}, or another likelihood',
        )


def _reachable(output: Activation, spec: Spec) -> Iterator[Remark]:
    if output != "identity" and spec.input.normalize != "none":
        yield Remark(f"a mean out of {output} cannot reach standardized values", 'output = "identity"', "warning")


class BernoulliSpec(LikelihoodSpec):
    """Independent bits: cross-entropy on logits. On grey values it is no density: see `continuous_bernoulli`.

    Example:
        likelihood = "bernoulli"
    """

    type: Literal["bernoulli"] = "bernoulli"

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _unit_interval("bernoulli", spec)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.likelihood import Bernoulli

        return Bernoulli()


class ContinuousBernoulliSpec(LikelihoodSpec):
    """The density on [0, 1] whose body is cross-entropy (Loaiza-Ganem and Cunningham 2019, arXiv:1907.06845).

    Example:
        likelihood = "continuous_bernoulli"
    """

    type: Literal["continuous_bernoulli"] = "continuous_bernoulli"

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _unit_interval("continuous_bernoulli", spec)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.likelihood import ContinuousBernoulli

        return ContinuousBernoulli()


class MSESpec(LikelihoodSpec):
    """Sum of squared errors: no density, hence no nats and no ELBO; with a KL, take `gaussian`.

    Its scale is that of a Gaussian of variance 1/2, without the constant.

    Example:
        likelihood = "mse"
    """

    type: Literal["mse"] = "mse"
    density: ClassVar[bool] = False
    output: Activation = Field("identity", description="what the mean passes through")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _reachable(self.output, spec)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.likelihood import SquaredError

        return SquaredError(output=self.output)


class GaussianSpec(LikelihoodSpec):
    """Independent Gaussians around the mean; who says how wide is `variance`.

    - "optimal": the batch's mean squared error, in closed form; a running mean of it in evaluation
    (sigma-VAE,
      Rybkin et al. 2020, arXiv:2006.13202). No beta to tune, nothing to learn.
    - "learned": one number, or one per channel, moved by the gradient from `sigma`.
    - "per_value": the decoder gives a log standard deviation beside each mean, as twice the channels.
    - "fixed": `sigma`.

    No learned standard deviation goes below exp(-6) = 0.0025.

    Example:
        [likelihood]
        type = "gaussian"
        variance = "learned"
    """

    type: Literal["gaussian"] = "gaussian"
    variance: Literal["optimal", "learned", "per_value", "fixed"] = Field("optimal", description="who says how wide")
    sigma: float | None = Field(None, gt=0, description="standard deviation: fixed, or where learning starts; else 1")
    per_channel: bool = Field(False, description="a learned one for each channel (each feature of a vector)")
    output: Activation = Field("identity", description="what the mean passes through")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.sigma is not None and self.variance not in ("fixed", "learned"):
            raise ValueError(f'sigma has no meaning with variance = "{self.variance}"; use "fixed" or "learned"')
        if self.per_channel and self.variance != "learned":
            raise ValueError('per_channel goes with variance = "learned"')
        return self

    def raw_shape(self, shape: Shape) -> Shape:
        return (2 * shape[0], *shape[1:]) if self.variance == "per_value" else shape

    def parameters(self, shape: Shape) -> int:
        """How many weights it has."""
        if self.variance != "learned":
            return 0
        return shape[0] if self.per_channel else 1

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _reachable(self.output, spec)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.gaussian import Gaussian, GaussianPerValue, OptimalGaussian

        if self.variance == "optimal":
            return OptimalGaussian(output=self.output)
        if self.variance == "per_value":
            return GaussianPerValue(output=self.output)
        return Gaussian(
            shape,
            scale=self.sigma or 1.0,
            learned=self.variance == "learned",
            per_channel=self.per_channel,
            output=self.output,
        )


class LaplaceSpec(LikelihoodSpec):
    """Independent Laplace densities around the mean: absolute errors, which forgive outliers.

    Example:
        [likelihood]
        type = "laplace"
        scale = "learned"
    """

    type: Literal["laplace"] = "laplace"
    scale: Literal["fixed", "learned"] = Field("fixed", description="whether the gradient moves the scale")
    b: float = Field(1.0, gt=0, description="the scale, or where it starts: the mean absolute error it expects")
    per_channel: bool = Field(False, description="a learned scale for each channel (each feature of a vector)")
    output: Activation = Field("identity", description="what the mean passes through")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.per_channel and self.scale != "learned":
            raise ValueError('per_channel goes with scale = "learned"')
        return self

    def parameters(self, shape: Shape) -> int:
        """How many weights it has."""
        if self.scale != "learned":
            return 0
        return shape[0] if self.per_channel else 1

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _reachable(self.output, spec)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.likelihood import Laplace

        return Laplace(
            shape,
            scale=self.b,
            learned=self.scale == "learned",
            per_channel=self.per_channel,
            output=self.output,
        )


class HuberSpec(LikelihoodSpec):
    """Gaussian near the mean, Laplace in the tails: a density, with its constant (Huber 1964).

    Example:
        [likelihood]
        type = "huber"
        delta = 1.5
    """

    type: Literal["huber"] = "huber"
    delta: float = Field(1.0, gt=0, description="where the tails begin, in scales")
    sigma: float = Field(1.0, gt=0, description="the scale of the errors")
    output: Activation = Field("identity", description="what the mean passes through")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from _reachable(self.output, spec)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.likelihood import Huber

        return Huber(shape, delta=self.delta, scale=self.sigma, output=self.output)


COMPONENTS: list[type[Component]] = [
    BernoulliSpec,
    ContinuousBernoulliSpec,
    MSESpec,
    GaussianSpec,
    LaplaceSpec,
    HuberSpec,
]
