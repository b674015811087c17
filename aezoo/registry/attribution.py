"""Attribution: whether an exception came from a plugin's code, and from which part, by the frames of its traceback."""

from __future__ import annotations

import dis
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from inspect import getattr_static
from traceback import walk_tb
from types import FrameType
from typing import Any, NamedTuple

from aezoo.errors import AezooError, DataError, NotFound, PluginError, RunFailed, SpecError
from aezoo.registry.entry_points import installed, titled
from aezoo.spec.contracts import definition

#: Of a module that a plugin's part built: the part.
BUILT_BY = "_aezoo_part"
#: Errors of ours that a part may raise, and that mean what they mean wherever they come from.
DOCUMENTED = (DataError, NotFound, PluginError, SpecError)
#: Characters of an exception's text that are shown.
LONGEST = 300


class Origin(NamedTuple):
    """Where an exception came through a package.

    Attributes:
        package: The outermost package of the code.
        method: Class and name of the function.
        where: File and line.
    """

    package: str
    method: str
    where: str


@contextmanager
def attributed() -> Iterator[None]:
    """Turn whatever comes out of a plugin's code, `SystemExit` included, into a `PluginError` that names the plugin."""
    try:
        yield
    except BaseException as error:
        if (fault := blamed(error)) is None:
            raise
        raise fault from error


def blamed(error: BaseException) -> PluginError | None:
    """Attribute an exception to the plugin whose code raised it; None if no plugin code is in the traceback."""
    if isinstance(error, DOCUMENTED) and error.__cause__ is None:
        return None
    owners = {package(entry.module): name for name, entries in installed().items() for entry in entries}
    owners.pop(package(__name__), None)  # built-in parts are not third-party code
    if isinstance(error, AezooError) and not _raised_by(error, owners):
        # An OSError of a plugin, raised again as one of ours: the folder can be written to, and the file is there.
        return blamed(error.__cause__) if type(error) in (RunFailed, NotFound) and error.__cause__ else None
    chance = memory_of_torch(error) and not _raised_by(error, owners)
    return None if chance or interrupted(error) else _fault(error, owners)


def _fault(error: BaseException, owners: dict[str, str]) -> PluginError | None:
    at = innermost(error, owners)
    parts = [worker for frame, _ in _frames(error) for worker in _workers(frame) if namespace_of(worker)]
    if at is not None:
        owner = owners[at.package]
        mine = [part for part in parts if _package(part) == at.package or namespace_of(part) == owner]
    else:  # a part of another package than that of the entry point
        mine = parts
        at = _at_part(error, parts)
    if at is None:
        return None
    namespace = namespace_of(mine[0]) if mine else owners[at.package]
    named = f"{mine[0].kind} {mine[0].tag()}: " if mine else ""
    return PluginError(
        f"{titled(namespace)}: {named}{at.method} at {at.where} raised {described(error)}",
        hint=f"`aezoo plugins check {namespace}` holds its parts to the laws; --debug shows the traceback",
    )


def suspected(error: BaseException, parts: Sequence[Any]) -> PluginError | None:
    """What torch refuses in a step, as the fault of the plugins' parts in it; None without any, or if it is no such.

    What a part leaves to torch, a gradient or a tensor that it changed, fails later, where no line of the part is at
    work and no traceback leads to it. The built-in parts have tests for that.

    Args:
        error: Came out of a step, and `blamed` names no plugin.
        parts: Of plugins, that took part in the step.
    """
    if type(error) not in (RuntimeError, NotImplementedError) or memory_of_torch(error) or not parts:
        return None
    tags: dict[str, list[str]] = {}
    for part in parts:
        tags.setdefault(part.namespace, []).append(f"{part.kind} {part.tag()}")
    names = " or ".join(f"{titled(name)}: {', '.join(dict.fromkeys(its))}" for name, its in tags.items())
    commands = " and ".join(f"`aezoo plugins check {name}`" for name in tags)
    return PluginError(
        f"{names}: torch refuses the step: {described(error)}",
        hint=f"{commands} holds its parts to the laws; --debug shows the traceback",
    )


def innermost(error: BaseException, packages: Collection[str]) -> Origin | None:
    """The last line of these packages that an exception came through.

    If it came through none: the last function that worked for a thing of theirs, a method of a base or of a module
    that one of their parts built.
    """
    for frame, line in _frames(error):
        if (name := _package_of(frame)) in packages:
            return _line_of(frame, line, name)
    for frame, _ in _frames(error):
        for worker in _workers(frame):
            if _package(worker) in packages:
                return _method_for(frame, worker)
    return None


def where(error: BaseException, packages: Collection[str]) -> str:
    """File and line of `innermost`, or of what could not be parsed; empty if there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    at = innermost(error, packages)
    return at.where if at else ""


def shown(error: BaseException) -> str:
    """An exception as `repr` shows it, fit for a line of a terminal; its `__repr__` may fail, or have no end."""
    return _line(lambda: repr(error)) or type(error).__name__


def described(error: BaseException) -> str:
    """Type and first line of an exception, fit for a line of a terminal."""
    text = _line(lambda: str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line(render: Callable[[], str]) -> str:
    """The first line of a text that third-party code makes."""
    try:
        text = next((line.strip() for line in render()[: 10 * LONGEST].splitlines() if line.strip()), "")
    except BaseException as error:
        return f"its text cannot be had, for {type(error).__name__}"
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return f"{text[:LONGEST]}…" if len(text) > LONGEST else text


def interrupted(error: BaseException | None) -> bool:
    """Whether a signal raised this `KeyboardInterrupt`, as Ctrl-C does; not a `raise` in somebody's code.

    A handler of our own raises it in our code. Python's own raises it between two instructions, or within a call, so
    that where the traceback ends there is no `raise`.
    """
    while isinstance(error, KeyboardInterrupt):
        frames = [*_instructions(error)]
        if not frames:
            return True
        frame, instruction = frames[-1]
        if _package_of(frame) == package(__name__):
            return True
        if dis.opname[frame.f_code.co_code[instruction]] != "RAISE_VARARGS":
            return True
        error = error.__context__  # a real one may be caught, and raised anew
    return False


def namespace_of(part: Any) -> str:
    """The namespace of a plugin's part, instance or class; empty for all else."""
    namespace = getattr_static(part if isinstance(part, type) else type(part), "namespace", "")
    return namespace if isinstance(namespace, str) and hasattr(part, "kind") and hasattr(part, "tag") else ""


def package(module: str) -> str:
    """The outermost package of a module."""
    return module.partition(".")[0]


def _raised_by(error: BaseException, owners: Collection[str]) -> bool:
    """Whether the code of a plugin itself raised an exception that a part has no business to raise."""
    if isinstance(error, DOCUMENTED):
        return False
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return bool(frames) and _package_of(frames[-1]) in owners


def memory_of_torch(error: BaseException) -> bool:
    """Whether memory ran out in torch: which part was at work then is chance."""
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in described(error)
    )


def _frames(error: BaseException | None) -> Iterator[tuple[FrameType, int]]:
    """Frames and lines from the innermost outwards, then those of what caused the exception."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # an exception may be its own cause
        seen.add(id(error))
        yield from reversed([*walk_tb(error.__traceback__)])
        error = error.__cause__


def _instructions(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    entry = error.__traceback__
    while entry is not None:
        yield entry.tb_frame, entry.tb_lasti
        entry = entry.tb_next


def _at_part(error: BaseException, parts: Collection[Any]) -> Origin | None:
    """The last line of the package of the innermost part."""
    return innermost(error, {_package(part) for part in [*parts][:1]})


def _line_of(frame: FrameType, line: int, name: str) -> Origin:
    return Origin(name, frame.f_code.co_qualname, f"{frame.f_code.co_filename}:{line}")


def _method_for(frame: FrameType, worker: Any) -> Origin:
    kind = worker if isinstance(worker, type) else type(worker)
    worker = frame.f_locals.get("self", worker)
    return Origin(package(kind.__module__), f"{type(worker).__name__}.{frame.f_code.co_name}", definition(kind))


def _workers(frame: FrameType) -> Iterator[Any]:
    """What a method works for, its `self` or `cls`; of a thing that a part built, the part."""
    for name in ("self", "cls"):
        if name in frame.f_locals:
            worker = frame.f_locals[name]
            yield getattr_static(worker, BUILT_BY, worker)  # this runs no third-party code


def _package(worker: Any) -> str:
    return package(str((worker if isinstance(worker, type) else type(worker)).__module__))


def _package_of(frame: FrameType) -> str:
    return package(str(frame.f_globals.get("__name__") or ""))
