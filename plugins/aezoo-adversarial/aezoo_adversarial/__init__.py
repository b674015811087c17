"""Autoencoders with a critic: AAE, WAE-GAN, FactorVAE and VAE-GAN; and critics as terms beside any objective.

    x ── encoder ──> z ── decoder ──> x^
                     │                │
                  critic of        critic of
                    codes           samples

A critic learns to discriminate two kinds of codes, or of samples; its gradient then makes the two distributions equal.
"""

from __future__ import annotations

from aezoo.plugin import LazyModule, hookimpl

#: The plugin interface this was written for.
AEZOO_API = 1

MODULES = [
    LazyModule(f"{__name__}.objectives", objective=("aae", "wae_gan", "factor_vae", "vae_gan")),
    LazyModule(f"{__name__}.terms", regularizer=("total_correlation", "code_critic", "sample_critic")),
    LazyModule(f"{__name__}.metrics", metric=("mmd", "total_correlation")),
]


@hookimpl
def aezoo_components() -> list[LazyModule]:
    return MODULES
