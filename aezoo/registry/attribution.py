"""Blame: whether an exception is a plugin's fault, told from the frames of its traceback."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from traceback import walk_tb
from types import FrameType
from typing import Any, NamedTuple

from aezoo.errors import PluginError
from aezoo.registry.entry_points import installed, titled
from aezoo.spec.contracts import definition

#: Of a module that a plugin's part built: the part.
BUILT_BY = "_aezoo_part"


class Place(NamedTuple):
    """Where an exception came through a package.

    Attributes:
        package: The outermost package of the code.
        method: Class and name of the function.
        where: File and line.
    """

    package: str
    method: str
    where: str


def blamed(error: BaseException) -> PluginError | None:
    """The exception as the fault of the plugin that had a hand in it last; None if no plugin had."""
    owners = {package(entry.module): name for name, entries in installed().items() for entry in entries}
    owners.pop(package(__name__), None)  # the parts in the box are no stranger's
    place = innermost(error, owners)
    if place is None:
        return None
    part = next((hand for hand in _hands(error, [place.package]) if getattr(hand, "namespace", "")), None)
    namespace = part.namespace if part else owners[place.package]
    named = f"{part.kind} {part.tag()}: " if part else ""
    return PluginError(
        f"{titled(namespace)}: {named}{place.method} at {place.where} raised {said(error)}",
        hint=f"`aezoo plugins check {namespace}` holds its parts to the laws; --debug shows the traceback",
    )


def innermost(error: BaseException, packages: Collection[str]) -> Place | None:
    """The last line of these packages that an exception came through.

    If it came through none: the last function that worked for a thing of theirs, a method of a base or of a module
    that one of their parts built.
    """
    for frame, line in _frames(error):
        if (name := package(frame.f_globals.get("__name__") or "")) in packages:
            return Place(name, frame.f_code.co_qualname, f"{frame.f_code.co_filename}:{line}")
    for frame, _ in _frames(error):
        for hand in _hand(frame, packages):
            method = f"{type(_worker(frame)).__name__}.{frame.f_code.co_name}"
            return Place(package(type(hand).__module__), method, definition(type(hand)))
    return None


def where(error: BaseException, packages: Collection[str]) -> str:
    """File and line of `innermost`, or of what could not be parsed; empty if there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    place = innermost(error, packages)
    return place.where if place else ""


def said(error: BaseException) -> str:
    """Type and first line of an exception."""
    text = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def package(module: str) -> str:
    """The outermost package of a module."""
    return module.partition(".")[0]


def _frames(error: BaseException | None) -> Iterator[tuple[FrameType, int]]:
    """Frames and lines from the innermost outwards, then those of what caused the exception."""
    while error is not None:
        yield from reversed([*walk_tb(error.__traceback__)])
        error = error.__cause__


def _hands(error: BaseException, packages: Collection[str]) -> Iterator[Any]:
    for frame, _ in _frames(error):
        yield from _hand(frame, packages)


def _hand(frame: FrameType, packages: Collection[str]) -> Iterator[Any]:
    """What a method works for, if it is of these packages: its `self`, or the part that built that."""
    worker = _worker(frame)
    hand = getattr(worker, BUILT_BY, worker)
    if package(type(hand).__module__) in packages:
        yield hand


def _worker(frame: FrameType) -> Any:
    return frame.f_locals.get("self")
