"""Word: what a part's methods must give; a part that gives something else is named, with the method at fault."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import getsourcefile, getsourcelines
from typing import Any

from aezoo.errors import PluginError
from aezoo.spec.component import Component
from aezoo.spec.shape import Shape


def shape_of(part: Component, method: str, given: Any) -> Shape:
    """What a method gives, if it is a shape: a tuple of whole numbers."""
    if type(given) is tuple and all(type(axis) is int for axis in given):
        return given
    raise broken(part, method, f"gives {given!r}, not a tuple of whole numbers")


def count_of(part: Component, method: str, given: Any) -> int:
    """What a method gives, if it is a whole number."""
    if type(given) is int:
        return given
    raise broken(part, method, f"gives {given!r}, not a whole number")


def several(part: Component, method: str, given: Any, kind: type[Any], what: str) -> Sequence[Any]:
    """What a method gives, as a list, if it is some of a kind: layers, remarks."""
    try:
        listed = list(given)
    except TypeError:
        if hasattr(given, "__iter__"):  # then it is something inside that failed
            raise
        listed = [given]
    if all(isinstance(item, kind) for item in listed):
        return listed
    raise broken(part, method, f"gives {given!r}, not {what}")


def broken(part: Component, method: str, told: str) -> Exception:
    """The error of a part whose method gives what it may not; one in the box cannot.

    Args:
        part: It.
        method: What it is called.
        told: What it gives, and what it should.
    """
    if not part.namespace:
        return AssertionError(f"{part.tag()}: {method} {told}")
    owner: Any = next(base for base in type(part).__mro__ if method in vars(base))
    place = definition(type(part) if owner.is_slot() else vars(owner)[method])  # what is in the base is not at fault
    who = part._provider or f"plugin {part.namespace!r}"
    message = f"{who}: {part.kind} {part.tag()}: {type(part).__name__}.{method} at {place} {told}"
    return PluginError(message, hint=f"`aezoo plugins check {part.namespace}` holds its parts to the laws")


def definition(thing: Any) -> str:
    """File and line of a class or function; its module, where there is no source."""
    try:
        return f"{getsourcefile(thing)}:{getsourcelines(thing)[1]}"
    except (OSError, TypeError):  # made in an interpreter or a zip
        return str(thing.__module__)
