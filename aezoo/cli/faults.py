"""Faults of a spec -> text for people, a document for machines, annotations for GitHub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from aezoo.errors import Fault
from aezoo.names import visible

#: More faults than these are counted, not shown: three lines each, and all fit a screen or two.
SHOWN = 18
#: Columns of a source line around the caret; a longer line is cut on both sides.
WIDTH = 100


def human(faults: Sequence[Fault], source: str) -> Iterator[str]:
    """Each fault as its place, what is wrong, the line it stands in and a caret; at most `SHOWN` of them."""
    for fault in faults[:SHOWN]:
        yield f"{_place(fault, source)}{_headline(fault)}"
        yield from _frame(fault)
    if len(faults) > SHOWN:
        yield f"... and {len(faults) - SHOWN:,} more"


def document(fault: Fault) -> dict[str, Any]:
    """A fault for machines."""
    at = fault.where
    return {
        "code": fault.code,
        "level": fault.level,
        "path": fault.place,
        "message": fault.message,
        "hint": fault.hint,
        "file": at.file if at else "",
        "line": at.line if at else 0,
        "column": at.column if at else 0,
    }


def github(faults: Sequence[Fault], source: str) -> Iterator[str]:
    """Workflow commands that put each fault beside its line in a pull request."""
    for fault in faults:
        at = fault.where
        location = {"file": at.file if at else source}
        if at and at.line:
            location |= {"line": str(at.line), "col": str(at.column), "endColumn": str(at.column + at.length)}
        location["title"] = fault.code
        properties = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in location.items())
        hint = f" ({fault.hint})" if fault.hint else ""
        where = f"{fault.place}: " if fault.path else ""
        yield f"::{fault.level} {properties}::{_escaped(f'{where}{fault.message}{hint}')}"


def _place(fault: Fault, source: str) -> str:
    at = fault.where
    if at is None:
        return f"{visible(source)}: " if source else ""
    return f"{visible(at.file)}:{at.line}:{at.column}: " if at.line else f"{visible(at.file)}: "


def _headline(fault: Fault) -> str:
    where = f"{_short(fault.place)}: " if fault.path else ""
    code = f"[{fault.code}]" if fault.code else ""
    return f"{fault.level}{code}: {where}{_short(fault.message)}"


def _frame(fault: Fault) -> Iterator[str]:
    """The source line with a caret under what is meant, and the hint beside the caret."""
    at, hint = fault.where, _short(fault.hint)
    if at is None or not at.line or not at.text:  # of a line that is not to be shown there is no caret
        if hint:
            yield f"      = {hint}"
        return
    # A caret must stand under the character that it means, so a tab is as wide as the space that replaces it.
    start = max(0, at.column - 1 - WIDTH // 2) if len(at.text) > WIDTH else 0
    shown = visible(at.text[start : start + WIDTH].replace("\t", " "))
    before = visible(at.text[start : at.column - 1].replace("\t", " "))
    meant = visible(at.text[at.column - 1 : min(at.column - 1 + at.length, start + WIDTH)])
    yield f"{at.line:5} | {shown}"
    yield f"      | {' ' * len(before)}{'^' * max(1, len(meant))} {hint}".rstrip()


def _short(text: str) -> str:
    """The text made visible, without the middle of what no line should hold."""
    return visible(text if len(text) <= 400 else f"{text[:300]} ... {text[-60:]}")


def _escaped(text: str, more: str = "") -> str:
    text = visible(text)
    for char in f"%{more}":
        text = text.replace(char, f"%{ord(char):02X}")
    return text
