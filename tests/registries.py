"""Registries of the built-in parts, whatever plugins are installed, and of parts that only a test has."""

from __future__ import annotations

from collections.abc import Mapping

from aezoo.registry.lazy import LazyModule
from aezoo.registry.loader import IN_THE_BOX, load
from aezoo.registry.registry import Fragment, Registry
from aezoo.spec.component import Component


def built_in() -> Registry:
    """A registry of the built-in parts alone."""
    registry = Registry()
    load(registry, IN_THE_BOX)
    return registry


def registry_with(
    *parts: type[Component] | LazyModule, namespace: str, variants: Mapping[str, Fragment] | None = None
) -> Registry:
    """A registry of the built-in parts, and of these as a plugin's."""
    registry = built_in()
    registry.add(parts, namespace=namespace, variants=variants)
    return registry
