"""Priors: densities over codes, which `sample` draws from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Field, PriorSpec, Shape, Spec, flat

if TYPE_CHECKING:
    from aezoo.nn.code import Prior


class StandardNormalSpec(PriorSpec):
    """The standard normal, N(0, I).

    Example:
        [latent]
        type = "gaussian"
        dim = 8
        prior = "standard_normal"
    """

    type: Literal["standard_normal"] = "standard_normal"
    resizable: ClassVar[bool] = True

    def build(self, shape: Shape, spec: Spec) -> Prior:
        from aezoo.nn.prior import StandardNormal

        return StandardNormal(shape)


class MixtureSpec(PriorSpec):
    """A mixture of Gaussians of diagonal covariance that learns with the model, by its rate term.

    Codes may form groups, each near another Gaussian, and are not all pulled to the origin: on digits the rate falls by
    some nats (Tomczak and Welling 2017, arXiv:1705.07120, section 3.1, "MoG").

    Example:
        regularizers.kl = {weight = 1.0}

        [latent]
        type = "gaussian"
        dim = 8
        prior = {type = "mixture", components = 10}
    """

    type: Literal["mixture"] = "mixture"
    learned: ClassVar[bool] = True
    components: int = Field(10, ge=1, description="how many Gaussians")

    def parameters(self, shape: Shape, spec: Spec) -> int:
        return self.components * (2 * flat(shape) + 1)

    def build(self, shape: Shape, spec: Spec) -> Prior:
        from aezoo.nn.prior import Mixture

        return Mixture(shape, self.components)


class FittedGaussianSpec(PriorSpec):
    """A Gaussian of full covariance, fitted to the training codes once training is over (arXiv:1903.12436).

    With it any autoencoder can generate samples; before the fit, sampling is an error. Rate and ELBO of a posterior
    stay those of the prior that it was trained with, N(0, I).

    Example:
        [latent]
        type = "deterministic"
        dim = 8
        prior = "fitted_gaussian"
    """

    type: Literal["fitted_gaussian"] = "fitted_gaussian"
    fitted: ClassVar[bool] = True

    def build(self, shape: Shape, spec: Spec) -> Prior:
        from aezoo.nn.prior import FittedGaussian

        return FittedGaussian(shape)
