"""Tables whose columns are of several kinds: numbers, classes, ordered classes, counts; cells may be missing.

table ── tables:columns ──> features ── ... ──> code ── ... ──> parameters of each column ── tables:mixed ──> density
"""

from __future__ import annotations

from aezoo.plugin import LazyModule, hookimpl

#: The plugin interface this was written for.
AEZOO_API = 1

MODULES = [
    LazyModule(f"{__name__}.likelihoods", likelihood="mixed"),
    LazyModule(f"{__name__}.layers", layer="columns"),
]


@hookimpl
def aezoo_components() -> list[LazyModule]:
    return MODULES
