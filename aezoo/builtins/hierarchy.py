"""Stochastic layers of a decoder: the levels of a hierarchy below the code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.builtins.reading_layers import tap_shape
from aezoo.plugin import Affine, Field, ReadingLayerSpec, Shape, ShapeError, flat, flat_parameters, text

if TYPE_CHECKING:
    from torch import nn


class StochasticSpec(ReadingLayerSpec):
    """A level of a hierarchical VAE: z from q(z | tap of the encoder, h), beside a learned prior p(z | h); z goes on.

    h is what comes down from the levels above. Both are diagonal Gaussians, the posterior relative to the prior
    (arXiv:2007.03898, section 3.2). The rate of the model is that of the code and of every level, so that `kl` counts
    all of them. Without an encoder, where a model decodes or samples, z comes from the prior: drawn by `sample`, its
    mean in `decode`. On a grid z has the grid, which the tap has to share.

    Example:
        input = [16]
        encoder = [{ type = "linear", features = 12 }, { type = "linear", features = 8 }]
        latent = { type = "gaussian", dim = 2 }
        likelihood = "gaussian"
        regularizers.kl = { weight = 1.0 }
        decoder = [
            { type = "linear", features = 8 },
            { type = "stochastic", dim = 4, reads = "encoder.0" },
            { type = "linear", features = 16, activation = "identity" },
        ]
    """

    type: Literal["stochastic"] = "stochastic"
    stochastic: ClassVar[bool] = True
    dim: int = Field(ge=1, description="width of the level: values, or channels on a grid")

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) > 1 and len(self.read_shape) == 1:
            raise ShapeError(f"on a grid, {text(shape)}, it reads a tap on the same grid, not {text(self.read_shape)}")
        tap_shape(shape, self.read_shape)
        return (self.dim, *shape[1:])

    def _maps(self, shape: Shape) -> tuple[Affine, Affine]:
        kernel, read = (1,) * (len(shape) - 1), tap_shape(shape, self.read_shape)
        return Affine(shape[0], 2 * self.dim, kernel), Affine(shape[0] + read[0], 2 * self.dim, kernel)

    def parameters(self, shape: Shape) -> int:
        return sum(flat_parameters((one.inputs,), (one.outputs,)) for one in self._maps(shape))

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return self._maps(shape)

    def activations(self, shape: Shape) -> int:
        return 5 * flat(self.output_shape(shape))  # the draw, mean and log variance of posterior and prior

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.hierarchy import Stochastic
        from aezoo.nn.latent import projection

        maps = (projection((one.inputs, *shape[1:]), one.outputs, spatial=len(shape) > 1) for one in self._maps(shape))
        return Stochastic(*maps)
