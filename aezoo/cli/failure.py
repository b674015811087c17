"""An exception -> the lines on stderr and the exit code."""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from typing import Any

import click

from aezoo.cli.faults import document, human
from aezoo.cli.suggestions import suggestion_for
from aezoo.errors import AezooError, Interrupted, OtherFailed, SpecError
from aezoo.hardware.processes import RANK, is_first
from aezoo.names import utf8, visible

#: For an exception that is not an error of `aezoo.errors` (EX_SOFTWARE of sysexits.h).
INTERNAL = 70
NOT_FOUND, FAILED, INTERRUPTED, CLOSED_PIPE = 3, 6, 130, 141


def report(error: BaseException, *, json: bool, debug: bool) -> int:
    """Say what went wrong; returns the exit code."""
    code, message, hint = describe(error)
    if code == CLOSED_PIPE or not speaks(error):
        return code
    if not is_first():
        message = f"process {os.environ[RANK]}: {message}"
    with suppress(OSError):  # stderr may be full or closed; the exit code remains
        if debug:
            click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
        lines = [_document(error, code, message, hint)] if json else _lines(error, message, hint)
        for line in lines:
            click.echo(line, err=True)
    return code


def speaks(error: BaseException) -> bool:
    """Whether this process says it: of several that work together, not what the first one says for all."""
    return is_first() or not isinstance(error, (Interrupted, KeyboardInterrupt, OtherFailed))


def describe(error: BaseException) -> tuple[int, str, str]:
    """Exit code, message and hint of any exception; its notes belong to the message."""
    code, message, hint = _described(error)
    return code, "; ".join([message, *getattr(error, "__notes__", ())]), hint


def _described(error: BaseException) -> tuple[int, str, str]:
    if isinstance(error, click.UsageError) and (better := suggestion_for(error)) is not None:
        return error.exit_code, *better
    if isinstance(error, click.ClickException):
        return error.exit_code, _sentence(error.format_message()), _help_for(error)
    fault = error if _ours(error) else _of_a_plugin(error) or error
    if isinstance(fault, AezooError):
        return fault.exit_code, fault.message, fault.hint
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return INTERRUPTED, "interrupted", ""
    if isinstance(error, BrokenPipeError):
        return CLOSED_PIPE, "", ""
    if _out_of_memory(error):
        hint = "a smaller model or training.batch_size, or fewer samples at once"
        return FAILED, f"out of memory: {_first_line(error)}", hint
    if isinstance(error, OSError):
        # Without a name it is about no file of the user's: tempfile's, where every disk is full.
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError)) and error.filename is not None
        where = f"{error.filename}: " if error.filename else ""
        return NOT_FOUND if missing else FAILED, f"{where}{error.strerror or error}", ""
    return INTERNAL, f"internal error: {type(error).__name__}: {_first_line(error)}", "run again with --debug"


def _ours(error: BaseException) -> bool:
    """Whether an error of aezoo was raised by its own code and has no cause: then no plugin is at fault."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    raiser = frames[-1].f_globals.get("__name__", "") if frames else __name__
    return isinstance(error, AezooError) and raiser.partition(".")[0] == "aezoo" and error.__cause__ is None


def _of_a_plugin(error: BaseException) -> AezooError | None:
    from aezoo.registry.attribution import blamed

    return blamed(error)


def _out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: on a GPU torch has a type for it, on a CPU nothing but its allocator's words."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def _first_line(error: BaseException) -> str:
    try:
        return next(iter(str(error).splitlines()), "") or type(error).__name__
    except Exception:  # an exception's text is code, which may fail
        return type(error).__name__


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].lower() + text[1:].removesuffix(".")


def _help_for(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path} --help` says what it takes" if context else ""


def _lines(error: BaseException, message: str, hint: str) -> list[str]:
    if isinstance(error, SpecError):
        lines = list(human(error.faults, error.source))
    elif message == "interrupted":
        lines = [message]
    else:
        # It may hold the name of a file, a tag or a tensor that somebody else chose.
        lines = [visible(line) for line in f"error: {message}".split("\n")]
    return [*lines, f"hint: {visible(hint)}"] if hint else lines


def _document(error: BaseException, code: int, message: str, hint: str) -> str:
    import json

    fields: dict[str, Any] = {"error": utf8(message), "hint": utf8(hint), "exit_code": code}
    if isinstance(error, SpecError):
        fields |= {"file": error.source, "faults": [document(fault) for fault in error.faults]}
    return json.dumps(fields)
