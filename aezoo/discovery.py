"""Discovery: entry points -> plugin manager -> Registry. A plugin is imported when a spec names its namespace."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

import pluggy

from aezoo import hookspecs
from aezoo.errors import PluginError, PluginMissing
from aezoo.registry import Fragment, Registry
from aezoo.room import Room
from aezoo.spec.component import Component

GROUP = "aezoo"
#: The namespace that specs may leave out.
IN_THE_BOX = "aezoo"


def installed() -> dict[str, list[EntryPoint]]:
    """Every namespace and the entry points that claim it."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, []).append(entry)
    return found


def disabled(namespace: str) -> bool:
    """Whether `AEZOO_DISABLE_PLUGINS` keeps this namespace unimported."""
    names = [name.strip() for name in os.environ.get("AEZOO_DISABLE_PLUGINS", "").split(",")]
    return namespace != IN_THE_BOX and ("*" in names or namespace in names)


def load(registry: Registry, namespace: str) -> None:
    """Import the one plugin of this namespace and register its parts. Raises `PluginError`."""
    if namespace in registry.loaded:
        return
    claims = installed().get(namespace, [])
    if disabled(namespace):
        raise PluginError(f"plugin {namespace!r} is disabled by AEZOO_DISABLE_PLUGINS")
    if not claims:
        raise PluginMissing(
            f"no installed plugin provides the namespace {namespace!r}",
            hint="install the distribution that provides it; nothing was installed for you",
        )
    if len(claims) > 1:
        owners = ", ".join(sorted(_owner(entry) for entry in claims))
        raise PluginError(f"namespace {namespace!r} is claimed by {owners}; neither is loaded", hint="uninstall one")
    _register(registry, namespace, _imported(claims[0]))
    registry.loaded.add(namespace)


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value


def _imported(entry: EntryPoint) -> ModuleType:
    try:
        module = entry.load()
    except (Exception, SystemExit) as error:  # a stranger's module may do anything when imported
        raise PluginError(f"plugin {entry.name!r} ({_owner(entry)}) cannot be imported: {error!r}") from error
    wanted = getattr(module, "AEZOO_API", 1)
    if wanted != 1:
        raise PluginError(f"plugin {entry.name!r} ({_owner(entry)}) was written for plugin API {wanted}; this is 1")
    return module  # type: ignore[no-any-return]


def _register(registry: Registry, namespace: str, module: ModuleType) -> None:
    parts, variants = _given(namespace, module)
    registry.add(parts, variants=variants, namespace="" if namespace == IN_THE_BOX else namespace)


def _given(namespace: str, module: ModuleType) -> tuple[list[type[Component] | Room], dict[str, Fragment]]:
    """What the hooks of a plugin return. Raises `PluginError` if one is unknown or fails."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=namespace)
        manager.check_pending()
        parts = [part for parts in manager.hook.aezoo_components() for part in parts]
        variants = {name: item for variants in manager.hook.aezoo_variants() for name, item in variants.items()}
    except (Exception, SystemExit) as error:  # a stranger's hook may do anything when called
        raise PluginError(f"plugin {namespace!r}: {error!r}") from error
    return parts, variants


@cache
def default_registry() -> Registry:
    """The registry of this process: the parts in the box, and each plugin once a spec names it."""
    registry = Registry(load)
    load(registry, IN_THE_BOX)
    return registry
