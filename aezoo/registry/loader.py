"""Loader: entry points -> plugin manager -> Registry. A plugin is imported when a spec names its namespace."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import Any

import pluggy

from aezoo.errors import PluginError, PluginMissing
from aezoo.hints import did_you_mean
from aezoo.registry import hookspecs
from aezoo.registry.attribution import interrupted, package, shown, where
from aezoo.registry.entry_points import ENTRY, GROUP, IN_THE_BOX, disabled, installed, own, owner, present, titled
from aezoo.registry.lazy import LazyModule
from aezoo.registry.registry import Fragment, Registry
from aezoo.registry.status import standing
from aezoo.spec.component import Component

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
            entry = _claim(namespace)
            parts, variants = _given(entry, _imported(entry))
            try:
                registry.add(parts, variants=variants, namespace="" if namespace == IN_THE_BOX else namespace)
            except PluginError as error:
                raise PluginError(f"{titled(namespace)}: {error.message}", hint=error.hint) from None
            registry.loaded.add(namespace)


def _claim(namespace: str) -> EntryPoint:
    """The one entry point of the namespace, if nothing is known against it."""
    if namespace == IN_THE_BOX and (entries := own()):  # what a third party claims is judged, not this
        return entries[0]
    entries = installed().get(namespace, [])
    if not entries and not disabled(namespace):
        raise PluginMissing(f"no installed plugin provides the namespace {namespace!r}", hint=_where_from(namespace))
    status = standing(namespace, entries)
    if not status.usable:
        raise PluginError(status.reason, hint=status.hint, state=status.state)
    return entries[0]


def _where_from(namespace: str) -> str:
    """What to do about a namespace that nobody claims."""
    name = f"aezoo-{namespace.replace('_', '-')}"
    if present(name):
        return f"{name} is installed, and claims no such namespace: {ENTRY}"
    look = f"by convention it comes with {name}: have a look at that, then `pip install {name}`"
    return f"{look}; nothing was installed for you"


def _imported(entry: EntryPoint) -> Any:
    try:
        with _guarded(" cannot be imported", entry):
            module = entry.load()
            wanted = getattr(module, "AEZOO_API", hookspecs.API)
    except PluginError:  # of a plugin for another interface, that is the better reason
        wanted = _written_for(entry)
        if wanted == hookspecs.API:
            raise
    if type(wanted) is int and wanted == hookspecs.API:
        return module
    who = titled(entry.name)
    if type(wanted) is not int:
        raise PluginError(f"{who}: AEZOO_API is {wanted!r}: it must be a number", hint=f"AEZOO_API = {hookspecs.API}")
    message = f"{who} was written for plugin API {wanted}; this is {hookspecs.API}"
    raise PluginError(message, hint=f"upgrade {owner(entry)} or aezoo, whichever is older", state="incompatible")


def _written_for(entry: EntryPoint) -> Any:
    """The `AEZOO_API` that stands in the source of a module that cannot be imported."""
    try:
        module = find_spec(entry.module)
        for node in ast.parse(Path(str(module and module.origin)).read_bytes()).body:
            if isinstance(node, ast.Assign) and any(ast.unparse(name) == "AEZOO_API" for name in node.targets):
                return ast.literal_eval(node.value)
    except Exception:  # there is no source, or none that can be read
        pass
    return hookspecs.API


def _given(entry: EntryPoint, module: Any) -> tuple[list[type[Component] | LazyModule], dict[str, Fragment]]:
    """What the hooks of a plugin return, each called for itself. Raises `PluginError` if one is unknown or fails."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    with _guarded("", entry):  # to ask a third-party object for an attribute runs its code
        marked = [name for name, item in vars(module).items() if hasattr(item, f"{GROUP}_impl")]
        manager.register(module, name=entry.name)
        unmarked = [n for n in HOOKS if hasattr(module, n) and not getattr(manager.hook, n).get_hookimpls()]
    for name in (name for name in marked if name not in HOOKS):
        raise PluginError(
            f"{titled(entry.name)}: unknown hook {name!r}", hint=did_you_mean(name, HOOKS, f"there are: {HOOKS}")
        )
    with _guarded("", entry):
        manager.check_pending()
    for name in unmarked:
        raise PluginError(f"{titled(entry.name)}: {name} is not marked with @hookimpl", hint=MARK)
    parts = _called(entry, manager.hook.aezoo_components, list)
    variants = _called(entry, manager.hook.aezoo_variants, dict)
    return parts, variants


MARK = "from aezoo.plugin import hookimpl, and @hookimpl above the function"


def _called(entry: EntryPoint, hook: pluggy.HookCaller, kind: type[Any]) -> Any:
    """What a hook returns, as this kind; nothing, if the plugin has no such hook."""
    with _guarded(f": its {hook.name} failed", entry):
        results = [kind(item) for item in hook()]
    if len(results) < len(hook.get_hookimpls()):
        raise PluginError(
            f"{titled(entry.name)}: its {hook.name} returns None", hint=f"let it return a {kind.__name__}"
        )
    return results[0] if results else kind()


@contextmanager
def _guarded(what: str, entry: EntryPoint) -> Iterator[None]:
    """Turn whatever third-party code raises into a `PluginError`, and what it prints away from the results.

    The message begins with the plugin and its distribution, which is read from a file: only for a message.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except BaseException as error:  # SystemExit, and whatever else is no Exception
        if interrupted(error):
            raise
        line = where(error, [package(entry.module)])
        raise PluginError(f"{titled(entry.name)}{what}: {shown(error)}" + (f" at {line}" if line else "")) from error


@cache
def default_registry() -> Registry:
    """The registry of this process: the built-in parts, and each plugin once a spec names it."""
    registry = Registry(load)
    load(registry, IN_THE_BOX)
    return registry
