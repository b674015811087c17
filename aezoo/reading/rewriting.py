"""Rewriting: the text of a spec in the present format, with the comments and the order that its author gave it."""

from __future__ import annotations

import json
import re
import tomllib
from typing import NamedTuple

from aezoo.errors import SpecError
from aezoo.reading.edits import Table
from aezoo.reading.migration import migrate, version_of
from aezoo.reading.provenance import Source
from aezoo.reading.text import parse, to_toml


class Rewritten(NamedTuple):
    """A spec's text in the present format.

    Attributes:
        version: The format it was written in.
        text: As it is now.
        kept: Whether the comments of a TOML text are still in it.
    """

    version: int
    text: str
    kept: bool = True


def rewritten(data: bytes, name: str) -> Rewritten:
    """Bring the bytes of a file to the present format; JSON by its name, else TOML.

    Raises:
        SpecError: It cannot be parsed, or says what the present format cannot, or is of a newer one.
    """
    old = parse(data, name)
    try:
        new = migrate(old)
    except SpecError as error:
        source = Source(name, data)
        placed = [fault._replace(where=source.where(fault.path, key=True)) for fault in error.faults]
        raise SpecError(placed, source=name) from None
    version, text = version_of(old), data.decode()
    if new is old:
        return Rewritten(version, text)
    if name.endswith(".json"):
        return Rewritten(version, json.dumps(new, ensure_ascii=False, indent=_indent(text)) + "\n")
    document = _document(text)
    # Without its layout it is at least right: a text that means something else is never given.
    return Rewritten(version, to_toml(new), kept=False) if _read(document) != new else Rewritten(version, document)


def _document(text: str) -> str:
    """The migrated TOML text; empty if its layout cannot be followed."""
    from aezoo.reading.commented import document

    try:
        return str(migrate(document(text)).as_string())  # type: ignore[attr-defined]
    except SpecError:
        raise
    except Exception:  # layouts that the TOML library cannot edit raise many types
        return ""


def _read(text: str) -> Table:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _indent(text: str) -> int | None:
    """By how much the first line is indented; None for a text of one line."""
    found = re.search(r"\n( +)\S", text)
    return len(found[1]) if found else None if "\n" not in text.strip() else 1
