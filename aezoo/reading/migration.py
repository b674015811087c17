"""Migration: a spec of an older format, brought to this one; each step is a pure function from a table to a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aezoo.errors import Fault, SpecError

Table = dict[str, Any]
Steps = Mapping[int, Callable[[Table], Table]]

CURRENT = 1
#: Format -> what brings a table of it to the next one. Format 1 is the first: there is nothing to migrate yet.
STEPS: Steps = {}


def migrate(table: Table, *, steps: Steps = STEPS, current: int = CURRENT) -> Table:
    """The table in the current format; the one that is passed in stays as it is.

    Raises:
        SpecError: It is of a newer format, or of one that no step leads on from.
    """
    version = table.get("aezoo", current)
    if isinstance(version, bool) or not isinstance(version, int):
        return table  # no number of a format: whoever checks values says so
    if version > current:
        message = f"is of format {version}; this aezoo reads {current}"
        raise SpecError([Fault(("aezoo",), "AZ209", message, "pip install -U aezoo")])
    for older in range(version, current):
        if older not in steps:
            message = f"is of format {version}, which cannot be read; this aezoo reads {current}"
            raise SpecError([Fault(("aezoo",), "AZ210", message, f"aezoo = {current}")])
        table = {**steps[older](table), "aezoo": older + 1}
    return table
