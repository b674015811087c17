"""The hooks a plugin may implement. Arguments are only ever added; a plugin takes those it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from aezoo.registry.lazy import LazyModule
    from aezoo.spec.component import Component

#: Number of this plugin interface. A plugin module may set `AEZOO_API` to the one it was written for.
API = 1

hookspec = pluggy.HookspecMarker("aezoo")


@hookspec
def aezoo_components() -> Sequence[type[Component] | LazyModule]:  # type: ignore[empty-body]
    """The parts this plugin adds: declarations of any kind, and lazy modules of them."""


@hookspec
def aezoo_variants() -> Mapping[str, Mapping[str, Any]]:  # type: ignore[empty-body]
    """Fragments of a spec by name: data, never code."""
