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


def made(part: Component, *given: Any, place: str = "") -> Any:
    """What a part builds; of a plugin's part, held at every pass to what the part declares.

    A part that builds others calls this instead of their `build`.

    Args:
        part: The declaration.
        given: What its `build` takes: of a layer, the shape of what it is given.
        place: Of the part in the spec, for messages.
    """
    built = part.build(*given)  # type: ignore[attr-defined]
    if not part.namespace:
        return built
    from aezoo.checked import checked  # torch is there by now: the part has built something of it

    return checked(part, built, given, place)


def broken(part: Component, method: str, told: str, *, at: tuple[str, str] | None = None) -> Exception:
    """The error of a part whose method gives what it may not; one in the box cannot.

    Args:
        part: It.
        method: What it is called.
        told: What it gives, and what it should.
        at: Name and place of the code at fault, if that is not the method itself.
    """
    if not part.namespace:
        return AssertionError(f"{part.tag()}: {method} {told}")
    from aezoo.claims import titled

    owner: Any = next(base for base in type(part).__mro__ if method in vars(base))
    place = definition(type(part) if owner.is_slot() else vars(owner)[method])  # what is in the base is not at fault
    code, place = at or (f"{type(part).__name__}.{method}", place)
    message = f"{titled(part.namespace)}: {part.kind} {part.tag()}: {code} at {place} {told}"
    return PluginError(message, hint=f"`aezoo plugins check {part.namespace}` holds its parts to the laws")


def definition(thing: Any) -> str:
    """File and line of a class or function; its module, where there is no source."""
    try:
        return f"{getsourcefile(thing)}:{getsourcelines(thing)[1]}"
    except (OSError, TypeError):  # made in an interpreter or a zip
        return str(thing.__module__)
