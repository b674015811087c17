"""Masked autoencoders: the encoder sees some patches of a sample, the decoder fills in the others.

    patches ── embed, add positions ──> tokens ── keep a random few ──> transformer ──> codes ── put back ──> z

In use all patches are seen: the code is that of the whole sample.
"""

from __future__ import annotations

from aezoo.plugin import LazyModule, hookimpl

#: The plugin interface this was written for.
AEZOO_API = 1

MODULES = [LazyModule(f"{__name__}.parts", latent=("visible",), objective=("hidden",), metric=("hidden_fvu",))]


@hookimpl
def aezoo_components() -> list[LazyModule]:
    return MODULES
