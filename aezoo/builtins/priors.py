"""Priors: densities over codes, which `sample` draws from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import PriorSpec, Shape

if TYPE_CHECKING:
    from aezoo.nn.code import Prior


class StandardNormalSpec(PriorSpec):
    """N(0, I), which a KL term pulls posteriors towards.

    Example:
        [latent]
        type = "gaussian"
        dim = 8
        prior = "standard_normal"
    """

    type: Literal["standard_normal"] = "standard_normal"

    def build(self, shape: Shape) -> Prior:
        from aezoo.nn.prior import StandardNormal

        return StandardNormal(shape)


class FittedGaussianSpec(PriorSpec):
    """A Gaussian of full covariance, fitted to the training codes once training is over (arXiv:1903.12436).

    With it any autoencoder can generate samples; before the fit, sampling is an error.

    Example:
        [latent]
        type = "deterministic"
        dim = 8
        prior = "fitted_gaussian"
    """

    type: Literal["fitted_gaussian"] = "fitted_gaussian"
    fitted: ClassVar[bool] = True

    def build(self, shape: Shape) -> Prior:
        from aezoo.nn.prior import FittedGaussian

        return FittedGaussian(shape)
