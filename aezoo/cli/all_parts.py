"""Everything that a spec may name: what is in the box, and each plugin; of one that fails, a line on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from aezoo.errors import PluginError

if TYPE_CHECKING:
    from aezoo.registry.registry import Registry
    from aezoo.spec.component import Component


def everything() -> Registry:
    """A registry with every plugin that loads; that of this process keeps to what its specs name."""
    from aezoo.registry.loader import IN_THE_BOX, disabled, installed, load
    from aezoo.registry.registry import Registry

    registry = Registry(load)
    load(registry, IN_THE_BOX)
    for namespace in installed():
        if namespace != IN_THE_BOX and not disabled(namespace):
            with _told():
                load(registry, namespace)
    return registry


def parts(registry: Registry) -> list[type[Component]]:
    """Every declaration, by kind and name; those of a room that cannot be imported are left out."""
    from aezoo.spec.kinds import KINDS

    found: list[type[Component]] = []
    for kind in sorted(KINDS):
        for name in registry.names(kind):
            with _told():
                found.append(registry.get(kind, name))
    return found


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except PluginError as error:
        click.echo(f"warning: {error.message}", err=True)
