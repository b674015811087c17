"""Tighter bounds of log p(x), its estimate, and posteriors and priors that are more than one Gaussian.

A model with a posterior q(z | x) and a prior p(z) has the density p(x) = E_q[p(x | z) p(z) / q(z | x)]. The bound and
the estimate here average that ratio over several draws; the priors come nearer to where the codes are.
"""

from __future__ import annotations

from aezoo.plugin import LazyModule, hookimpl

#: The plugin interface this was written for.
AEZOO_API = 1

MODULES = [
    LazyModule(f"{__name__}.objectives", objective=("iwae",)),
    LazyModule(f"{__name__}.metrics", metric=("iw_nll", "prior_nll")),
    LazyModule(f"{__name__}.priors", prior=("vamp", "flow", "fitted_mixture", "uniform_sphere", "wrapped_normal")),
    LazyModule(f"{__name__}.latents", latent=("power_spherical", "poincare", "iaf")),
]


@hookimpl
def aezoo_components() -> list[LazyModule]:
    return MODULES
