"""Migration: specs of an older format, brought to this one. Each step is a pure function from a table to a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aezoo.errors import Fault, SpecError
from aezoo.reading.edits import Table
from aezoo.spec.format0 import from_format_0

CURRENT = 1
#: Format -> what brings a spec of it to the next one.
MIGRATIONS: Mapping[int, Callable[[Table], Table]] = {0: from_format_0}

__all__ = ["CURRENT", "MIGRATIONS", "Table", "migrate", "version_of"]


def version_of(table: Table) -> int:
    """The format that a table is written in; the present one, if it does not say or says something else."""
    version = table.get("aezoo", CURRENT)
    return version if isinstance(version, int) and not isinstance(version, bool) and version >= 0 else CURRENT


def migrate(table: Table) -> Table:
    """The table in the present format; the one that is given stays as it is.

    A TOML document of tomlkit is a table, too: it comes back with its comments and its order.

    Raises:
        SpecError: It is of a newer format, or says what this format cannot; holds every key of which that is true.
    """
    version = version_of(table)
    if version > CURRENT:
        told = f"is of format {version}; this aezoo reads {CURRENT}"
        raise SpecError([Fault(("aezoo",), "AZ209", told, "pip install -U aezoo")])
    for step in range(version, CURRENT):
        table = MIGRATIONS[step](table)
    return table
