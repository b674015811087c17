"""Activations with weights, and gates: what acts on values by more than a fixed pointwise function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Activation, Affine, Field, LayerSpec, Shape, ShapeError, Style, Window, dense, pointwise, text

if TYPE_CHECKING:
    from torch import nn


class SnakeSpec(LayerSpec):
    """x + sin(alpha x)^2 / alpha, with an alpha that is learned for each feature or channel (arXiv:2006.08195).

    Periodic, and so used for sound. With `beta` the amplitude is learned by itself: x + sin(alpha x)^2 / beta
    (arXiv:2206.04658).

    Example:
        [[encoder]]
        type = "snake"
        beta = true
        log = true
    """

    type: Literal["snake"] = "snake"
    carries: ClassVar[bool] = True
    beta: bool = Field(False, description="whether the amplitude 1 / beta is learned apart from alpha")
    log: bool = Field(False, description="whether the weights are logarithms, so that alpha and beta stay positive")

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return [self]

    def parameters(self, shape: Shape) -> int:
        return (1 + self.beta) * shape[0]

    def sees(self, shape: Shape) -> Window | None:
        return Window()

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.gates import Snake

        return Snake(shape, beta=self.beta, log=self.log)


class GluSpec(LayerSpec):
    """A gated linear unit: the first half of the features or channels, times a function of the second half.

    Dauphin et al. 2016, arXiv:1612.08083; after a convolution of twice the channels it is a gated convolution. Its
    mirror is a linear map, or a convolution of kernel 1, to as many channels as it was given.

    Example:
        [[encoder]]
        type = "glu"
        activation = "silu"
    """

    type: Literal["glu"] = "glu"
    activation: Activation = Field("sigmoid", description="pointwise function of the gate")

    def output_shape(self, shape: Shape) -> Shape:
        if shape[0] % 2:
            raise ShapeError(f"takes an even number of features or channels, half of them gates, got {text(shape)}")
        return shape[0] // 2, *shape[1:]

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return dense(target, style) if len(target) == 1 else pointwise(target, style)

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return ()

    def sees(self, shape: Shape) -> Window | None:
        return Window()

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.gates import Gate

        return Gate(self.activation)
