"""Classes: a density of tables with columns of words, of any plugin that is installed and has one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from aezoo.errors import PluginError
from aezoo.registry.entry_points import disabled, installed, owner
from aezoo.registry.loader import load
from aezoo.registry.registry import Registry
from aezoo.spec.description import Column, ColumnDensity


class Density(NamedTuple):
    """A density of columns, and the distribution that has to be there for it."""

    parts: ColumnDensity
    requires: str


def density_of(columns: Sequence[Column]) -> Density | None:
    """The first density that there is of these columns; None without one."""
    return next(_densities(columns), None)


def _densities(columns: Sequence[Column]) -> Iterator[Density]:
    registry = Registry(load)  # of its own: what a process has loaded decides which metrics apply
    claims = {namespace: entries for namespace, entries in installed().items() if not disabled(namespace)}
    for namespace in claims:
        with suppress(PluginError):  # one that does not load has no density to offer
            load(registry, namespace)
    for name in registry.names("likelihood"):
        with suppress(PluginError):
            if (parts := registry.get("likelihood", name).for_columns(columns)) is not None:
                yield Density(parts, owner(claims[name.partition(":")[0]][0]))
