"""Entries: what is said of a list of parts, and of a table that stands for a list and edits one, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic.fields import FieldInfo

from aezoo.reading.merge import ENDS, ID, POSITION
from aezoo.schema.drafts import Schema
from aezoo.schema.fields import LIST, TABLE, cases, ref

EACH = "each"
REPEATS = "repeats the entry, once for every place of its lists: each = { channels = [32, 64] }"
NAMES_ENTRY = "a name by which whoever extends the spec can edit or unset the entry"
INDEX = f"^{POSITION.pattern}$"
#: A table with a position among its keys: under an id, it says something of some of the entries that carry it.
SOME: Schema = {**TABLE, "not": {"patternProperties": {INDEX: {"not": {}}}}}
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
    """A list of whole parts; or a table whose keys are positions and ids, and whose values change what is there."""
    entries = {**LIST, "items": ref(f"entry.{kind}")}
    change = _once(ref(f"slot.{kind}"))
    added = cases((LIST, entries), otherwise=_once(ref(f"entry.{kind}")))
    return {
        "type": ["array", "object"],
        "items": ref(f"entry.{kind}"),
        "properties": {end: {"description": f"entries to {end}", **added} for end in ENDS},
        "patternProperties": {INDEX: change},
        "additionalProperties": cases((SOME, {"patternProperties": {INDEX: change}}), otherwise=change),
        # It refuses nothing: editors look for the list here.
        "anyOf": [{}, entries],
    }


def single(kind: str) -> Schema:
    """A part of a kind that can stand in lists, where it does not: nothing names or repeats it."""
    return {**ref(f"slot.{kind}"), "not": {**TABLE, "anyOf": [{"required": [EACH]}, {"required": ["id"]}]}}


def marks(name: str, keys: Mapping[str, FieldInfo]) -> dict[str, Schema]:
    """The keys that an entry has because it stands in a list, for the part that is defined as `name`."""
    rows = {key: _row(ref(f"{name}/properties/{key}")) for key in ("type", *keys)}
    each = {**TABLE, "minProperties": 1, "properties": {**rows, "id": _row(_id())}, "additionalProperties": False}
    return {"id": _id(), EACH: {"description": REPEATS, **each}}


def demanded(keys: Sequence[str], *, listed: bool) -> Schema:
    """These keys have to be there; in an entry of a list, `each` may hold some of them."""
    if not keys or not listed:
        return {"required": [*keys]} if keys else {}
    either = [{"anyOf": [{"required": [key]}, {"properties": {EACH: {"required": [key]}}}]} for key in keys]
    return cases(({"required": [EACH]}, {"allOf": either}), otherwise={"required": [*keys]})


def _row(item: Schema) -> Schema:
    return {**LIST, "minItems": 1, "items": item}


def _id() -> Schema:
    return {"description": NAMES_ENTRY, "type": "string", "pattern": f"^{ID.pattern}$", "not": {"enum": [*ENDS]}}


def _once(part: Schema) -> Schema:
    """A part that is not repeated: only a list can hold what `each` makes."""
    return {**part, "not": {**TABLE, "required": [EACH]}}
