"""Discovery: entry points -> plugin manager -> Registry. A plugin is imported when a spec names its namespace."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import Any

import pluggy

from aezoo import hookspecs
from aezoo.claims import GROUP, IN_THE_BOX, disabled, installed, owner
from aezoo.errors import PluginError, PluginMissing
from aezoo.registry import Fragment, Registry
from aezoo.room import Room
from aezoo.spec.component import Component
from aezoo.standing import standing

__all__ = ["GROUP", "IN_THE_BOX", "default_registry", "disabled", "installed", "load"]

HOOKS = ("aezoo_components", "aezoo_variants")
#: Two threads that read specs do not register one plugin twice.
_LOADING = RLock()


def load(registry: Registry, namespace: str) -> None:
    """Import the one plugin of this namespace and register its parts and variants: all or none.

    Raises:
        PluginMissing: No installed distribution provides it.
        PluginError: It is disabled, broken, incompatible, or claimed twice.
    """
    with _LOADING:
        if namespace not in registry.loaded:
            parts, variants = _given(namespace, _imported(_claim(namespace)))
            registry.add(parts, variants=variants, namespace="" if namespace == IN_THE_BOX else namespace)
            registry.loaded.add(namespace)


def _claim(namespace: str) -> EntryPoint:
    """The one entry point of the namespace, if nothing is known against it."""
    entries = installed().get(namespace, [])
    if not entries and not disabled(namespace):
        raise PluginMissing(
            f"no installed plugin provides the namespace {namespace!r}",
            hint=f"by convention it comes with aezoo-{namespace}: have a look at that, then"
            f" `pip install aezoo-{namespace}`; nothing was installed for you",
        )
    found = standing(namespace, entries)
    if not found.usable:
        raise PluginError(found.reason, hint=found.hint, state=found.state)
    return entries[0]


def _imported(entry: EntryPoint) -> Any:
    who = f"plugin {entry.name!r} ({owner(entry)})"
    try:
        with _guarded(f"{who} cannot be imported"):
            module = entry.load()
        wanted = getattr(module, "AEZOO_API", hookspecs.API)
    except PluginError:  # of a plugin for another interface, that is the better reason
        wanted = _written_for(entry)
        if wanted == hookspecs.API:
            raise
    if wanted != hookspecs.API:
        told = f"{who} was written for plugin API {wanted}; this is {hookspecs.API}"
        raise PluginError(told, hint=f"upgrade {owner(entry)} or aezoo, whichever is older", state="incompatible")
    return module


def _written_for(entry: EntryPoint) -> Any:
    """The `AEZOO_API` that stands in the source of a module that cannot be imported."""
    try:
        found = find_spec(entry.module)
        for node in ast.parse(Path(str(found and found.origin)).read_bytes()).body:
            if isinstance(node, ast.Assign) and any(ast.unparse(name) == "AEZOO_API" for name in node.targets):
                return ast.literal_eval(node.value)
    except Exception:  # there is no source, or none that can be read
        pass
    return hookspecs.API


def _given(namespace: str, module: Any) -> tuple[list[type[Component] | Room], dict[str, Fragment]]:
    """What the hooks of a plugin return, each called for itself. Raises `PluginError` if one is unknown or fails."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    with _guarded(f"plugin {namespace!r}"):
        manager.register(module, name=namespace)
        manager.check_pending()
    for name in HOOKS:
        if hasattr(module, name) and not getattr(manager.hook, name).get_hookimpls():
            raise PluginError(f"plugin {namespace!r}: {name} is not marked with @hookimpl", hint=MARK)
    parts = _called(namespace, manager.hook.aezoo_components, list)
    variants = _called(namespace, manager.hook.aezoo_variants, dict)
    return [part for given in parts for part in given], {
        name: item for given in variants for name, item in given.items()
    }


MARK = "from aezoo.plugin import hookimpl, and @hookimpl above the function"


def _called(namespace: str, hook: Callable[[], list[Any]], kind: type[Any]) -> list[Any]:
    with _guarded(f"plugin {namespace!r}: its {getattr(hook, 'name', 'hook')} failed"):
        return [kind(given) for given in hook()]


@contextmanager
def _guarded(what: str) -> Iterator[None]:
    """Turn whatever a stranger's code raises into a `PluginError`, and what it prints away from the results."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and whatever else is no Exception
        raise PluginError(f"{what}: {error!r}") from error


@cache
def default_registry() -> Registry:
    """The registry of this process: the parts in the box, and each plugin once a spec names it."""
    registry = Registry(load)
    load(registry, IN_THE_BOX)
    return registry
