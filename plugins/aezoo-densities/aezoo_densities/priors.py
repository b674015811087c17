"""Priors, declared."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Component, Field, PriorSpec, ReadingLayerSpec, Remark, Shape, Spec, flat

if TYPE_CHECKING:
    from aezoo.nn.code import Prior


class VampSpec(PriorSpec):
    """VampPrior: the mean of the posteriors of `components` pseudo-inputs, which learn with the model.

    Tomczak and Welling 2017, arXiv:1705.07120, equation 9. Pseudo-inputs start as samples of the first batch. They go
    through the encoder, which is in evaluation mode then (batch normalization has the statistics of the data, and
    dropout none); their values are those that it reads, normalized ones where the spec says so.

    Example:
        regularizers.kl = {weight = 1.0}

        [latent]
        type = "gaussian"
        dim = 8
        prior = {type = "densities:vamp", components = 50}
    """

    type: Literal["vamp"] = "vamp"
    learned: ClassVar[bool] = True
    space: ClassVar[str | None] = None
    components: int = Field(100, ge=1, description="how many pseudo-inputs; 500 in the paper")

    def parameters(self, shape: Shape, spec: Spec) -> int:
        return self.components * flat(spec.input.shape)

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if not spec.latent.posterior:
            message = f"{self.tag()} is a mixture of posteriors, and the latent {spec.latent.tag()!r} has none"
            yield Remark(message, 'latent.type = "gaussian"')
        if any(isinstance(layer, ReadingLayerSpec) for layer in spec.encoder):
            message = "pseudo-inputs pass through the encoder alone, and a layer of it reads a tap beside its input"
            yield Remark(message, "take an encoder without such layers, or another prior")

    def build(self, shape: Shape, spec: Spec) -> Prior:
        from aezoo_densities.vamp import VampPrior

        return VampPrior(spec.input.shape, self.components)


class FlowSpec(PriorSpec):
    """A neural spline flow that learns with the model: N(0, I), bent by invertible maps (arXiv:1906.04032).

    Needs the package zuko: `pip install 'aezoo-densities[flow]'`. A draw takes a pass for each value of a code.

    Example:
        regularizers.kl = {weight = 1.0}

        [latent]
        type = "gaussian"
        dim = 8
        prior = {type = "densities:flow", transforms = 2}
    """

    type: Literal["flow"] = "flow"
    learned: ClassVar[bool] = True
    transforms: int = Field(3, ge=1, description="how many maps, one after another")
    width: int = Field(64, ge=1, description="of the two hidden layers of each map")
    bins: int = Field(8, ge=2, description="of each spline, between -5 and 5")

    def parameters(self, shape: Shape, spec: Spec) -> int:
        dim, values = flat(shape), 3 * self.bins - 1  # widths, heights and inner slopes of a spline
        if dim == 1:  # nothing stands before the one value: its spline is the same everywhere
            return self.transforms * values
        layers = ((dim, self.width), (self.width, self.width), (self.width, dim * values))
        return self.transforms * sum((features + 1) * outputs for features, outputs in layers)

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from without_zuko(self)

    def build(self, shape: Shape, spec: Spec) -> Prior:
        from aezoo_densities.flow import FlowPrior

        return FlowPrior(shape, transforms=self.transforms, width=self.width, bins=self.bins)


class FittedMixtureSpec(PriorSpec):
    """A mixture of Gaussians of full covariance, fitted to the training codes once training is over, by EM.

    Ghosh et al. 2019, arXiv:1903.12436, section 4: with it any autoencoder can generate samples. Rate and ELBO of a
    posterior stay those of the prior that it was trained with, N(0, I).

    Example:
        [latent]
        type = "deterministic"
        dim = 8
        prior = {type = "densities:fitted_mixture", components = 10}
    """

    type: Literal["fitted_mixture"] = "fitted_mixture"
    fitted: ClassVar[bool] = True
    components: int = Field(10, ge=1, description="how many Gaussians")

    def build(self, shape: Shape, spec: Spec) -> Prior:
        from aezoo_densities.fitted_mixture import FittedMixture

        return FittedMixture(shape, self.components)


class UniformSphereSpec(PriorSpec):
    """Evenly over the unit sphere, for codes that lie on it (arXiv:2006.04437).

    Its density is one per unit of the sphere's surface, not of volume.

    Example:
        regularizers.kl = {weight = 1.0}

        [latent]
        type = "densities:power_spherical"
        dim = 8
        prior = "densities:uniform_sphere"
    """

    type: Literal["uniform_sphere"] = "uniform_sphere"
    space: ClassVar[str | None] = "sphere"

    def build(self, shape: Shape, spec: Spec) -> Prior:
        from aezoo_densities.sphere import UniformSphere

        return UniformSphere(shape[0])


class WrappedNormalSpec(PriorSpec):
    """The wrapped normal around the centre of the Poincare ball, for codes that lie in it (arXiv:1901.06033).

    Its deviation is 1 along each axis, and its density one per unit of the space's own volume. The curvature is that of
    the latent.

    Example:
        regularizers.kl = {weight = 1.0}

        [latent]
        type = "densities:poincare"
        dim = 2
        prior = "densities:wrapped_normal"
    """

    type: Literal["wrapped_normal"] = "wrapped_normal"
    space: ClassVar[str | None] = "poincare_ball"

    def build(self, shape: Shape, spec: Spec) -> Prior:
        from aezoo_densities.poincare import WrappedPrior

        return WrappedPrior(shape[0], spec.latent.curvature)  # type: ignore[attr-defined]


def without_zuko(part: Component) -> Iterator[Remark]:
    """What is said of a part that needs zuko, where that is absent."""
    if find_spec("zuko") is None:
        yield Remark(f"{part.tag()} needs the package zuko", "pip install 'aezoo-densities[flow]'")


COMPONENTS: list[type[Component]] = [VampSpec, FlowSpec, FittedMixtureSpec, UniformSphereSpec, WrappedNormalSpec]
