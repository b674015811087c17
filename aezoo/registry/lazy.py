"""Lazy parts: a module that is imported when one of its parts is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

from aezoo.errors import PluginError
from aezoo.registry.attribution import interrupted, package, shown, where


class Room:
    """What a module holds, promised before it is imported: reading a spec then imports only what the spec names.

    A plugin whose parts cost something to import returns rooms from `aezoo_components`, beside declarations or
    instead of them. What the module holds are the declarations that it defines, or those that it lists as `COMPONENTS`;
    they must be exactly what was promised.

        Room("aezoo_shuffle.layers", layer=("space_to_depth", "depth_to_space"))

    Args:
        module: Full name of the module.
        names: For each kind, the types of its parts, without a namespace.
    """

    def __init__(self, module: str, **names: str | Sequence[str]) -> None:
        self.module = module
        self.promised = frozenset(
            (kind, name) for kind, types in names.items() for name in ([types] if isinstance(types, str) else types)
        )

    def __repr__(self) -> str:
        return f"<room {self.module}>"

    def components(self) -> Sequence[Any]:
        """What the module holds, unjudged. Raises `PluginError` if it cannot be imported."""
        try:
            with redirect_stdout(sys.stderr):  # what it prints is no result
                module = import_module(self.module)
                listed = getattr(module, "COMPONENTS", None)
        except BaseException as error:  # a stranger's module may do anything when imported
            if interrupted(error):
                raise
            place = where(error, [package(self.module)])
            raise PluginError(
                f"{self.module} cannot be imported: {shown(error)}" + (f" at {place}" if place else "")
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
