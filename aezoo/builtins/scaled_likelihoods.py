"""Likelihoods with a scale: the decoder's output as a mean, and what lies around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from aezoo.builtins.likelihoods import ANY, Activation, reachable
from aezoo.plugin import RANGES, Field, LikelihoodSpec, Range, Remark, Shape, Spec

if TYPE_CHECKING:
    from torch import nn

#: Scales whose squares and reciprocals, and their products with data, are within float32.
SMALLEST, LARGEST = 1e-12, 1e12


class GaussianSpec(LikelihoodSpec):
    """Independent Gaussians around the mean: |x - mean|^2 / (2 sigma^2) + log sigma + log(2 pi) / 2 for each value.

    `variance` says how sigma is set:

    - `optimal`: the batch's mean squared error, in closed form; in evaluation, a running mean of it (sigma-VAE,
      Rybkin et al. 2020, arXiv:2006.13202). No beta to tune, and no parameter.
    - `learned`: one number, or one per channel, trained from `sigma` on.
    - `per_value`: the decoder gives a log standard deviation beside each mean, as twice the channels.
    - `fixed`: it is `sigma`.

    No learned standard deviation goes below exp(-6) = 0.0025.

    Example:
        [likelihood]
        type = "gaussian"
        variance = "learned"
    """

    type: Literal["gaussian"] = "gaussian"
    resizable: ClassVar[bool] = True
    variance: Literal["optimal", "learned", "per_value", "fixed"] = Field("optimal", description="how sigma is set")
    sigma: float | None = Field(
        None, ge=SMALLEST, le=LARGEST, description="standard deviation, fixed or initial; by default 1"
    )
    per_channel: bool = Field(False, description="learn one for each channel (each feature of a vector)")
    output: Activation = Field("identity", description="function that the mean passes through")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.sigma is not None and self.variance not in ("fixed", "learned"):
            raise ValueError(f'sigma has no meaning with variance = "{self.variance}"; use "fixed" or "learned"')
        if self.per_channel and self.variance != "learned":
            raise ValueError('per_channel goes with variance = "learned"')
        return self

    @property
    def valuewise(self) -> bool:  # type: ignore[override]
        """Not with the optimal variance: it is that of all values of the batch, those left out among them."""
        return self.variance != "optimal"

    def raw_shape(self, shape: Shape) -> Shape:
        return (2 * shape[0], *shape[1:]) if self.variance == "per_value" else shape

    def parameters(self, shape: Shape) -> int:
        """How many weights it has."""
        if self.variance != "learned":
            return 0
        return shape[0] if self.per_channel else 1

    def raw_range(self, data: Range) -> Range:
        return data if self.output == "identity" and self.variance != "per_value" else ANY

    def mean_range(self) -> Range | None:
        return None if self.output == "identity" else RANGES[self.output]

    def error_factor(self) -> float | None:
        return 0.5 / (self.sigma or 1.0) ** 2 if self.variance == "fixed" else None

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from reachable(self.output, spec)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.gaussian_likelihood import Gaussian, GaussianPerValue, OptimalGaussian

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
    """Independent Laplace densities around the mean, |x - mean| / b + log(2 b) for each value: robust to outliers.

    Example:
        [likelihood]
        type = "laplace"
        scale = "learned"
    """

    type: Literal["laplace"] = "laplace"
    valuewise: ClassVar[bool] = True
    resizable: ClassVar[bool] = True
    scale: Literal["fixed", "learned"] = Field("fixed", description="whether the scale is trained")
    b: float = Field(
        1.0,
        ge=SMALLEST,
        le=LARGEST,
        description="the scale, fixed or initial: the expected mean absolute error",
    )
    per_channel: bool = Field(False, description="learn one for each channel (each feature of a vector)")
    output: Activation = Field("identity", description="function that the mean passes through")

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

    def raw_range(self, data: Range) -> Range:
        return data if self.output == "identity" else ANY

    def mean_range(self) -> Range | None:
        return None if self.output == "identity" else RANGES[self.output]

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from reachable(self.output, spec)

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

    With r = |x - mean| / sigma a value costs r^2 / 2 up to `delta` and delta r - delta^2 / 2 beyond, and the log of
    the constant.

    Example:
        [likelihood]
        type = "huber"
        delta = 1.5
    """

    type: Literal["huber"] = "huber"
    valuewise: ClassVar[bool] = True
    resizable: ClassVar[bool] = True
    delta: float = Field(1.0, ge=SMALLEST, le=LARGEST, description="where the tails begin, in multiples of `sigma`")
    sigma: float = Field(
        1.0,
        ge=SMALLEST,
        le=LARGEST,
        description="scale of the errors, in the units of the data as the model sees them",
    )
    output: Activation = Field("identity", description="function that the mean passes through")

    def raw_range(self, data: Range) -> Range:
        return data if self.output == "identity" else ANY

    def mean_range(self) -> Range | None:
        return None if self.output == "identity" else RANGES[self.output]

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from reachable(self.output, spec)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.likelihood import Huber

        return Huber(shape, delta=self.delta, scale=self.sigma, output=self.output)
