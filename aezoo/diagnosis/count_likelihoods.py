"""Likelihoods of counts: those of every plugin that is installed, whether or not a spec has named it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from aezoo.errors import PluginError
from aezoo.registry.entry_points import disabled, installed
from aezoo.registry.loader import load
from aezoo.registry.registry import Registry


def count_likelihoods(counts: Sequence[bool]) -> list[str]:
    """Likelihoods, as TOML in one line, of features of which these are counts."""
    registry = Registry(load)  # of its own: what a process has loaded decides which metrics apply
    for namespace in installed():
        if not disabled(namespace):
            with suppress(PluginError):  # one that does not load has no likelihood to offer
                load(registry, namespace)
    return [*_offers(registry, counts)]


def _offers(registry: Registry, counts: Sequence[bool]) -> Iterator[str]:
    for name in registry.names("likelihood"):
        with suppress(PluginError):
            if text := registry.get("likelihood", name).for_counts(counts):
                yield text
