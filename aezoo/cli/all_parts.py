"""All parts that a spec may name: the built-in ones and those of each plugin; a plugin that fails is a warning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from aezoo.errors import PluginError

if TYPE_CHECKING:
    from aezoo.registry.registry import Registry
    from aezoo.spec.component import Component


def full_registry() -> Registry:
    """A registry with every plugin that loads; the one of this process has only those that its specs name."""
    from aezoo.registry.loader import IN_THE_BOX, disabled, installed, load
    from aezoo.registry.registry import Registry

    registry = Registry(load)
    load(registry, IN_THE_BOX)
    for namespace in installed():
        if namespace != IN_THE_BOX and not disabled(namespace):
            with _failures_as_warnings():
                load(registry, namespace)
    return registry


def parts(registry: Registry) -> list[type[Component]]:
    """Every declaration, by kind and name; those of a lazy module that cannot be imported are left out."""
    from aezoo.spec.kinds import KINDS

    declarations: list[type[Component]] = []
    for kind in sorted(KINDS):
        for name in registry.names(kind):
            with _failures_as_warnings():
                declarations.append(registry.get(kind, name))
    return declarations


@contextmanager
def _failures_as_warnings() -> Iterator[None]:
    try:
        yield
    except PluginError as error:
        click.echo(f"warning: {error.message}", err=True)
