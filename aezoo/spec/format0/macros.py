"""Macros of format 0: variables, which are gone, and patches, which are edits of a base's list now."""

from __future__ import annotations

import re
from copy import deepcopy

from aezoo.reading.carrier import Carrier, plain, strings
from aezoo.reading.edits import put, take

REFERENCE = re.compile(r"\$\{vars\.(\w+)\}")


def carry_variables(carrier: Carrier) -> None:
    """`"${vars.width}"` is the value itself now."""
    said = plain(carrier.table.get("vars", {}))
    if not isinstance(said, dict):
        return
    if carrier.based and said:
        carrier.lost(("vars",), "reach into the bases, which are migrated on their own", "write the values instead")
        return
    for holder, key, path in list(strings(carrier.table)):
        found = REFERENCE.fullmatch(holder[key])
        if found and found[1] not in said:
            carrier.lost(path, f"names the variable {found[1]!r}, which is not said here", "write its value instead")
        elif found:
            put(holder, key, deepcopy(said[found[1]]))
    if "vars" in carrier.table:
        take(carrier.table, "vars")


def carry_patch(carrier: Carrier) -> None:
    """`[patch.encoder.stem]`, a change of a base's layer, is `[encoder.stem]` now."""
    if not isinstance(carrier.table.get("patch"), dict):
        return
    for slot, changes in list(take(carrier.table, "patch").items()):
        if slot not in ("encoder", "corruption"):
            carrier.lost(("patch", slot), "edits what is no list", f"write the change under {slot!r}")
        elif slot in carrier.table:
            carrier.lost(("patch", slot), f"stands beside {slot!r}", "change the entries where they are written")
        else:
            put(carrier.table, slot, changes)
