"""Lazy parts: a module that is imported when one of its parts is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

from aezoo.errors import PluginError
from aezoo.registry.attribution import interrupted, package, shown, where


class LazyModule:
    """A module of parts that is imported when one of them is asked for, so that reading a spec imports what it names.

    A plugin whose parts cost something to import returns lazy modules from `aezoo_components`, beside declarations
    or instead of them. The parts of a module are the declarations that it defines, or those that it lists as
    `COMPONENTS`. A module that is registered with kinds alone may define any parts of them, and is imported when a
    part of such a kind is asked for that no module before it defines; with names, it is imported for these alone, and
    must define exactly them.

        LazyModule("aezoo_shuffle.layers", "layer")
        LazyModule("aezoo_shuffle.layers", layer=("space_to_depth", "depth_to_space"))

    Args:
        module: Full name of the module.
        kinds: Kinds of which the module defines parts, whatever they are called.
        names: For other kinds, the types of the module's parts, without a namespace.
    """

    def __init__(self, module: str, *kinds: str, **names: str | Sequence[str]) -> None:
        self.module = module
        self.kinds = frozenset(kinds)
        self.announced = frozenset(
            (kind, name) for kind, types in names.items() for name in ([types] if isinstance(types, str) else types)
        )

    def __repr__(self) -> str:
        return f"<lazy module {self.module}>"

    def components(self) -> Sequence[Any]:
        """What the module defines, unchecked. Raises `PluginError` if it cannot be imported."""
        try:
            with redirect_stdout(sys.stderr):  # what it prints is no result
                module = import_module(self.module)
                listed = getattr(module, "COMPONENTS", None)
        except BaseException as error:  # a third party's module may raise anything when imported
            if interrupted(error):
                raise
            line = where(error, [package(self.module)])
            raise PluginError(
                f"{self.module} cannot be imported: {shown(error)}" + (f" at {line}" if line else "")
            ) from error
        if listed is None:
            return [item for item in vars(module).values() if _is_defined_in(self.module, item)]
        if not isinstance(listed, (list, tuple)):
            raise PluginError(f"{self.module}: COMPONENTS is no list of declarations")
        return listed


def _is_defined_in(module: str, item: Any) -> bool:
    """Whether a value is a declaration with a type, made by this module; a base that names no type is none."""
    if not isinstance(item, type) or item.__module__ != module:
        return False
    field = getattr(item, "model_fields", {}).get("type")
    return isinstance(getattr(field, "default", None), str)
