"""One-class classification: an encoder, without a decoder, that gathers normal samples around a centre."""

from __future__ import annotations

from aezoo.plugin import LazyModule, hookimpl

#: The plugin interface this was written for.
AEZOO_API = 1

MODULES = [LazyModule(f"{__name__}.parts", latent=("centered",), objective=("svdd",))]


@hookimpl
def aezoo_components() -> list[LazyModule]:
    return MODULES
