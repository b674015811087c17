"""Latents: the bottleneck, from features to a code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from aezoo.builtins.priors import StandardNormalSpec
from aezoo.plugin import (
    POINTWISE,
    Affine,
    Field,
    Interval,
    LatentSpec,
    LayerSpec,
    PriorSpec,
    Shape,
    Style,
    Window,
    dense,
    flat,
    flat_parameters,
    grid,
    pointwise,
)

if TYPE_CHECKING:
    from torch import nn

Layout = Literal["flat", "spatial"]
LAYOUT = "flat: a vector [dim]; spatial: [dim, *grid] on the grid of the features"


def _code_shape(shape: Shape, dim: int, layout: Layout) -> Shape:
    return (dim,) if layout == "flat" else (dim, *grid(shape)[1])


def _map_parameters(shape: Shape, dim: int, layout: Layout) -> int:
    return flat_parameters(shape if layout == "flat" else shape[:1], (dim,))


def _maps(shape: Shape, outputs: int, layout: Layout) -> Sequence[Affine]:
    spatial = layout == "spatial"
    return (Affine(shape[0] if spatial else flat(shape), outputs, (1,) * len(shape[1:]) if spatial else ()),)


def _window(layout: Layout) -> Window | None:
    return POINTWISE if layout == "spatial" else None


def _back(shape: Shape, layout: Layout, style: Style) -> Sequence[LayerSpec]:
    """The layers from a code back to features of `shape`, ending in `style`."""
    return pointwise(shape, style) if layout == "spatial" else dense(shape, style)


class DeterministicSpec(LatentSpec):
    """A code without noise, z = activation(pre) with pre an affine map of the features.

    Example:
        [latent]
        type = "deterministic"
        dim = 32
        activation = "sigmoid"
    """

    type: Literal["deterministic"] = "deterministic"
    provides: ClassVar[frozenset[str]] = frozenset({"pre"})
    layout: Layout = Field("flat", description=LAYOUT)
    activation: Literal["identity", "relu", "sigmoid", "softplus", "tanh"] = Field(
        "identity", description="pointwise function from `pre` to the code"
    )

    def code_shape(self, shape: Shape) -> Shape:
        return _code_shape(shape, self.dim, self.layout)

    def parameters(self, shape: Shape) -> int:
        return _map_parameters(shape, self.dim, self.layout)

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return _maps(shape, self.dim, self.layout)

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return _back(shape, self.layout, style)

    def sees(self, shape: Shape) -> Window | None:
        return _window(self.layout)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.latent import Deterministic, projection
        from aezoo.nn.layers import activation

        project = projection(shape, self.dim, spatial=self.layout == "spatial")
        return Deterministic(project, activation(self.activation))


class GaussianLatentSpec(LatentSpec):
    """A diagonal Gaussian posterior, z = mean + exp(logvar / 2) eps with eps from N(0, I) (arXiv:1312.6114).

    `encode` gives its mean. Its log variance is clamped to [-10, 10], or to `logvar_range`. With
    `logvar = "per_dim"` all samples share one learned vector of log variances, which is enough for a linear model
    (Lucas et al. 2019, arXiv:1911.02469).

    Example:
        [latent]
        type = "gaussian"
        dim = 16
    """

    type: Literal["gaussian"] = "gaussian"
    provides: ClassVar[frozenset[str]] = frozenset({"mean", "logvar"})
    point: ClassVar[str] = "mean"
    posterior: ClassVar[bool] = True
    noisy: ClassVar[bool] = True
    layout: Layout = Field("flat", description=LAYOUT)
    logvar: Literal["per_sample", "per_dim"] = Field(
        "per_sample", description="mapped from the features of each sample, or one learned vector for all"
    )
    logvar_range: Interval | None = Field(
        None, description="lowest and highest log variance, within [-80, 80]; [-10, 10] unless set"
    )
    prior: PriorSpec | None = Field(StandardNormalSpec(), description="density that `sample` draws from")

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.logvar_range and not -80 <= self.logvar_range[0] < self.logvar_range[1] <= 80:
            raise ValueError(f"logvar_range takes the lower end first, within [-80, 80], got {list(self.logvar_range)}")
        return self

    @property
    def outputs(self) -> int:
        """Width of the map: means, and log variances unless they are shared."""
        return self.dim if self.logvar == "per_dim" else 2 * self.dim

    def code_shape(self, shape: Shape) -> Shape:
        return _code_shape(shape, self.dim, self.layout)

    def parameters(self, shape: Shape) -> int:
        return _map_parameters(shape, self.outputs, self.layout) + (2 * self.dim - self.outputs)

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return _maps(shape, self.outputs, self.layout)

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return _back(shape, self.layout, style)

    def sees(self, shape: Shape) -> Window | None:
        return _window(self.layout)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo.nn.latent import LOGVAR, Gaussian, projection

        project = projection(shape, self.outputs, spatial=self.layout == "spatial")
        shared = (self.dim, *(1 for _ in self.code_shape(shape)[1:])) if self.logvar == "per_dim" else None
        return Gaussian(project, shared=shared, bounds=self.logvar_range or LOGVAR)


class TopKSpec(LatentSpec):
    """The `k` largest units of each sample, the others zero (Makhzani and Frey 2013, arXiv:1312.5663).

    A relu follows (Gao et al. 2024, arXiv:2406.04093, section 2.3), so that fewer than `k` may be active; `pre` is the
    affine map of the features before the selection.

    Example:
        [latent]
        type = "topk"
        dim = 256
        k = 16
    """

    type: Literal["topk"] = "topk"
    family: ClassVar[str] = "sparse"
    provides: ClassVar[frozenset[str]] = frozenset({"pre"})
    sparse: ClassVar[bool] = True
    k: int = Field(ge=1, description="how many units may be active, of `dim`")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.k > self.dim:
            raise ValueError(f"k = {self.k} of dim = {self.dim} units cannot be active; take k up to {self.dim}")
        return self

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(shape, (self.dim,))

    def maps(self, shape: Shape) -> Sequence[Affine]:
        return _maps(shape, self.dim, "flat")

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return _back(shape, "flat", style)

    def build(self, shape: Shape) -> nn.Module:
        from torch import nn

        from aezoo.nn.latent import TopK

        return TopK(nn.Linear(flat(shape), self.dim), k=self.k)
