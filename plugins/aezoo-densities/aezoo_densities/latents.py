"""Latents: posteriors that are no diagonal Gaussian of R^n, declared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import (
    Component,
    Field,
    LatentSpec,
    LayerSpec,
    PriorSpec,
    Remark,
    Shape,
    Spec,
    Style,
    dense,
    flat_parameters,
)
from aezoo_densities.priors import without_zuko

if TYPE_CHECKING:
    from torch import nn

#: Numbers of a spline: widths, heights and inner slopes of its 8 bins. Of an affine map: shift and scale.
SPLINE, AFFINE = 23, 2


class PowerSphericalSpec(LatentSpec):
    """A Power Spherical posterior, on the unit sphere (De Cao and Aziz 2020, arXiv:2006.04437).

    Its density is (1 + mean . z)^k, even around the mean, up to a factor. No point of the sphere is a centre to be
    pulled to: for data of directions, or where the length of a code should say nothing. `encode` gives the mean
    direction, `interpolate` goes along great circles. The sphere has `dim` - 1 dimensions: a circle for `dim` = 2.

    Example:
        regularizers.kl = {weight = 1.0}

        [latent]
        type = "densities:power_spherical"
        dim = 8
    """

    type: Literal["power_spherical"] = "power_spherical"
    provides: ClassVar[frozenset[str]] = frozenset({"mean", "concentration"})
    point: ClassVar[str] = "mean"
    posterior: ClassVar[bool] = True
    noisy: ClassVar[bool] = True
    rejection: ClassVar[bool] = True
    space: ClassVar[str] = "sphere"
    dim: int = Field(ge=2, description="values of a code, a vector of length 1")
    prior: PriorSpec | None = Field("densities:uniform_sphere", description="density that `sample` draws from")  # type: ignore[assignment]

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def tap_shape(self, field: str, shape: Shape) -> Shape:
        return (1,) if field == "concentration" else (self.dim,)

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(shape, (self.dim + 1,))

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return dense(shape, style)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_densities.sphere import PowerSpherical

        return PowerSpherical(shape, self.dim)


class PoincareSpec(LatentSpec):
    """A wrapped normal posterior in hyperbolic space, the Poincare ball (Mathieu et al. 2019, arXiv:1901.06033).

    Hyperbolic space has room for trees: for data of a hierarchy, and a code of few values. A normal density of the
    tangent space at the mean is wrapped around it (Nagano et al. 2019, arXiv:1902.02992). `encode` gives the mean,
    `interpolate` goes along geodesics. Codes stay a hundred-thousandth of the radius off the boundary.

    Example:
        regularizers.kl = {weight = 1.0}

        [latent]
        type = "densities:poincare"
        dim = 2
        curvature = 1.0
    """

    type: Literal["poincare"] = "poincare"
    provides: ClassVar[frozenset[str]] = frozenset({"mean", "log_scale"})
    point: ClassVar[str] = "mean"
    posterior: ClassVar[bool] = True
    noisy: ClassVar[bool] = True
    space: ClassVar[str] = "poincare_ball"
    curvature: float = Field(1.0, ge=1e-3, le=1e3, description="c: space has the curvature -c, the ball 1 / sqrt(c)")
    prior: PriorSpec | None = Field("densities:wrapped_normal", description="density that `sample` draws from")  # type: ignore[assignment]

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def parameters(self, shape: Shape) -> int:
        return flat_parameters(shape, (2 * self.dim,))

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return dense(shape, style)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_densities.poincare import WrappedNormal

        return WrappedNormal(shape, self.dim, self.curvature)


class InverseFlowSpec(LatentSpec):
    """A posterior of an inverse autoregressive flow: a diagonal Gaussian, bent by maps that see the sample.

    Kingma et al. 2016, arXiv:1606.04934. Its values depend on each other, and it may be far from any Gaussian. Maps are
    `affine` in each value, with shift and scale that depend on the values before it, or `spline` (arXiv:1906.04032),
    which bend values between -5 and 5. `encode` gives what the maps make of the Gaussian's mean. Needs zuko:
    `pip install 'aezoo-densities[flow]'`.

    Example:
        regularizers.kl = {weight = 1.0}

        [latent]
        type = "densities:iaf"
        dim = 8
        transforms = 2
    """

    type: Literal["iaf"] = "iaf"
    provides: ClassVar[frozenset[str]] = frozenset({"centre"})
    point: ClassVar[str] = "centre"
    posterior: ClassVar[bool] = True
    noisy: ClassVar[bool] = True
    map: Literal["affine", "spline"] = Field("affine", description="what each value goes through")
    transforms: int = Field(2, ge=1, description="how many maps, one after another")
    width: int = Field(64, ge=1, description="of the two hidden layers of each map")
    context: int = Field(16, ge=1, description="how many values the maps see of a sample")
    prior: PriorSpec | None = Field("standard_normal", description="density that `sample` draws from")  # type: ignore[assignment]

    @property
    def _outputs(self) -> int:
        """Numbers that a map takes for all values of a code."""
        return self.dim * (SPLINE if self.map == "spline" else AFFINE)

    def code_shape(self, shape: Shape) -> Shape:
        return (self.dim,)

    def parameters(self, shape: Shape) -> int:
        seen = self.context + (self.dim if self.dim > 1 else 0)  # before the one value of a code stands no other
        layers = ((seen, self.width), (self.width, self.width), (self.width, self._outputs))
        of_maps = sum((features + 1) * outputs for features, outputs in layers)
        return flat_parameters(shape, (2 * self.dim + self.context,)) + self.transforms * of_maps

    def activations(self, shape: Shape) -> int:
        passes = 2 * self.transforms * (2 * self.width + self._outputs)  # of the centre, and of the draw
        return super().activations(shape) + 2 * self.dim + self.context + passes

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        return dense(shape, style)

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from without_zuko(self)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_densities.inverse_flow import InverseFlow

        spline = self.map == "spline"
        return InverseFlow(
            shape, self.dim, context=self.context, spline=spline, transforms=self.transforms, width=self.width
        )


COMPONENTS: list[type[Component]] = [PowerSphericalSpec, PoincareSpec, InverseFlowSpec]
