"""Discrete codes: vector quantization, residual, finite scalar and lookup-free; in specs as `quantize:vq` ..."""

from __future__ import annotations

from aezoo.plugin import LazyModule, hookimpl

AEZOO_API = 1

MODULES = [
    LazyModule(f"{__name__}.latents", latent=("vq", "residual_vq", "fsq", "lfq")),
    LazyModule(f"{__name__}.regularizers", regularizer=("commitment", "codebook", "entropy")),
    LazyModule(f"{__name__}.metrics", metric=("perplexity", "usage")),
]


@hookimpl
def aezoo_components() -> list[LazyModule]:
    return MODULES
