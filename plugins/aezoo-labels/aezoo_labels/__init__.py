"""Autoencoders that learn from labels, where only some samples have one: the semi-supervised VAE.

    x ── encoder ──┬── q(z | x) ── z ──┐
                   └── q(y | x) ── y ──┴── decoder ──> x^

A label that is known stands for y; of a sample without one, the bound is summed over all classes.
"""

from __future__ import annotations

from aezoo.plugin import LazyModule, hookimpl

#: The plugin interface this was written for.
AEZOO_API = 1

MODULES = [
    LazyModule(f"{__name__}.latents", latent=("gaussian",)),
    LazyModule(f"{__name__}.objectives", objective=("semi_supervised",)),
    LazyModule(f"{__name__}.terms", regularizer=("association",)),
    LazyModule(f"{__name__}.metrics", metric=("accuracy",)),
]


@hookimpl
def aezoo_components() -> list[LazyModule]:
    return MODULES
