"""List edits: a list of parts, and a table that edits one of a base, as JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aezoo.reading.merge import ENDS, POSITION
from aezoo.schema.fields import LIST, TABLE, Schema, cases, ref

EACH = "each"
REPEATS = "repeats the entry, once for every place of its lists: each = { channels = [32, 64] }"
INDEX = f"^{POSITION.pattern}$"
#: A table that does nothing but edit a list.
EDIT: Schema = {
    **TABLE,
    "minProperties": 1,
    "properties": {end: {} for end in ENDS},
    "patternProperties": {INDEX: {}},
    "additionalProperties": False,
}


def entry(kind: str) -> Schema:
    """A part in a list: it stands there whole, whatever stands below the list."""
    return {**ref(f"slot.{kind}"), "allOf": [ref(f"whole.{kind}")]}


def listing(kind: str) -> Schema:
    """A list of whole parts; or a table whose keys are positions, and whose values change what is there."""
    entries = {**LIST, "items": ref(f"entry.{kind}")}
    change = once(ref(f"slot.{kind}"))
    added = cases((LIST, entries), otherwise=once(ref(f"entry.{kind}")))
    return {
        "type": ["array", "object"],
        "items": ref(f"entry.{kind}"),
        "properties": {end: {"description": f"entries to {end}", **added} for end in ENDS},
        "patternProperties": {INDEX: change},
        "additionalProperties": False,
        # It refuses nothing: editors look for the list here.
        "anyOf": [{}, entries],
    }


def each(name: str, keys: Iterable[str]) -> Schema:
    """What repeats an entry in a list, for the part that is defined as `name`."""
    rows = {key: {**LIST, "minItems": 1, "items": ref(f"{name}/properties/{key}")} for key in ("type", *keys)}
    return {"description": REPEATS, **TABLE, "minProperties": 1, "properties": rows, "additionalProperties": False}


def demanded(keys: Sequence[str], *, listed: bool) -> Schema:
    """These keys have to be there; in an entry of a list, `each` may hold some of them."""
    if not keys or not listed:
        return {"required": [*keys]} if keys else {}
    either = [{"anyOf": [{"required": [key]}, {"properties": {EACH: {"required": [key]}}}]} for key in keys]
    return cases(({"required": [EACH]}, {"allOf": either}), otherwise={"required": [*keys]})


def once(part: Schema) -> Schema:
    """A part that is not repeated: only a list can hold what `each` makes."""
    return {**part, "not": {**TABLE, "required": [EACH]}}
