"""Contracts: the return values of a part's methods are checked, and an error names the part and the method."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import getsourcefile, getsourcelines
from math import isfinite
from numbers import Real
from typing import Any

from aezoo.errors import PluginError
from aezoo.spec.component import Component
from aezoo.spec.samples import Samples
from aezoo.spec.shape import Shape, text


def shape_of(part: Component, method: str, value: Any) -> Shape:
    """What a method gives, if it is a shape: a tuple of whole numbers."""
    if type(value) is tuple and all(type(axis) is int for axis in value):
        return value
    raise broken(part, method, f"gives {value!r}, not a tuple of whole numbers")


def count_of(part: Component, method: str, value: Any) -> int:
    """What a method gives, if it is a whole number."""
    if type(value) is int:
        return value
    raise broken(part, method, f"gives {value!r}, not a whole number")


def value_of(part: Component, step: int, steps: int) -> float:
    """What a schedule gives at a step, if it is a finite number."""
    weight: Any = part.value(step, steps)  # type: ignore[attr-defined]
    if not part.namespace or (isinstance(weight, Real) and not isinstance(weight, bool) and isfinite(weight)):
        return weight  # type: ignore[no-any-return]
    raise broken(part, "value", f"gives {weight!r:.100} at step {step} of {steps}, not a finite number")


def several(part: Component, method: str, value: Any, kind: type[Any], what: str) -> Sequence[Any]:
    """What a method gives, as a list, if it is some of a kind: layers, remarks."""
    try:
        listed = list(value)
    except TypeError:
        if hasattr(value, "__iter__"):  # then it is something inside that failed
            raise
        listed = [value]
    if all(isinstance(item, kind) for item in listed):
        return listed
    raise broken(part, method, f"gives {value!r}, not {what}")


def broken(part: Component, method: str, problem: str, *, at: tuple[str, str] | None = None) -> Exception:
    """The error of a part whose method gives what it may not; a built-in one cannot.

    Args:
        part: It.
        method: What it is called.
        problem: What it gives, and what it should.
        at: Name and source line of the code at fault, if that is not the method itself.
    """
    if not part.namespace:
        return AssertionError(f"{part.tag()}: {method} {problem}")
    code, line = at or _declared(part, method)
    who = part._provider or f"plugin {part.namespace!r}"
    message = f"{who}: {part.kind} {part.tag()}: {code} at {line} {problem}"
    return PluginError(message, hint=f"`aezoo plugins check {part.namespace}` holds its parts to the laws")


def _declared(part: Component, method: str) -> tuple[str, str]:
    """Name and source line of a method of a part."""
    owner: Any = next(base for base in type(part).__mro__ if method in vars(base))
    line = definition(type(part) if owner.is_slot() else vars(owner)[method])  # what is in the base is not at fault
    return f"{type(part).__name__}.{method}", line


def samples_of(part: Component, loaded: Any) -> Samples:
    """What `load` gives, if it is a set of samples, of the shape that is declared."""
    if not part.namespace:
        return loaded  # type: ignore[no-any-return]
    values = getattr(loaded, "values", None)
    if not isinstance(loaded, Samples) or not hasattr(values, "dtype") or not hasattr(values, "shape"):
        values_type = f", of a {type(values).__name__}" if isinstance(loaded, Samples) else ""
        raise broken(part, "load", f"gives a {type(loaded).__name__}{values_type}, not Samples of an array")
    declared = part.sample_shape()  # type: ignore[attr-defined]
    if declared is not None and loaded.shape != tuple(declared):
        problem = f"declares {text(declared)}, load gives {text(loaded.shape) or 'single numbers'}"
        raise broken(part, "sample_shape", problem)
    return loaded


def definition(thing: Any) -> str:
    """File and line of a class or function; its module, where there is no source."""
    try:
        return f"{getsourcefile(thing)}:{getsourcelines(thing)[1]}"
    except (OSError, TypeError):  # made in an interpreter or a zip
        return str(thing.__module__)
