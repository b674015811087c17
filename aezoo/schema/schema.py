"""Schema: the JSON Schema of all that a spec may say, for editors and for validators in other languages.

It describes what people write, macros and shorthands included. What stands in the bases of a spec it cannot see: in
a spec that `extends` another, or takes `variants`, nothing is required and any table may be a part of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pydantic.fields import FieldInfo

from aezoo.reading.merge import LISTS
from aezoo.schema.definitions import Definitions, kind_of
from aezoo.schema.fields import LIST, TABLE, TEXT, Schema, annotation_keywords, cases, ref, summary
from aezoo.schema.list_edits import EDIT
from aezoo.spec.component import Component, Frozen
from aezoo.spec.document import Spec
from aezoo.spec.slots import NAMED, fields, tables

TITLE = "aezoo spec"
#: The draft that all editors and validators read.
METASCHEMA = "http://json-schema.org/draft-07/schema#"
#: Keywords that hold schemas by name; and those that hold values, which may look like schemas.
MAPS = frozenset({"properties", "patternProperties", "definitions"})
VALUES = frozenset({"default", "const", "enum", "examples"})
STRINGS: Schema = {**LIST, "items": TEXT}
BASED: Schema = {"anyOf": [{"required": ["extends"]}, {"required": ["variants"]}]}


def schema(parts: Iterable[type[Component]], *, variants: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON Schema, of draft 7, of specs that may name these parts.

    Args:
        parts: The declarations, as `registry.parts()` gives them.
        variants: Names of the variants that are installed; without them, any name may be written.
    """
    definitions = Definitions(parts, Spec)
    slots = {key: _slot(key, field, definitions) for key, field in fields(Spec).items()}
    root = {
        "$schema": METASCHEMA,
        "title": TITLE,
        "description": summary(Spec),
        "type": "object",
        "properties": {**slots, **_macros(variants)},
        "additionalProperties": False,
        "if": {"not": BASED},
        "then": definitions.needs(Spec, ()),
    }
    schema: Schema = _split({**root, "definitions": dict(sorted(definitions.schemas.items()))})
    return schema


def _split(value: Any, *, schema: bool = True) -> Any:
    """The schema as editors understand it: no reference has company, which draft 7 does not read beside one.

    taplo shows no description of a schema that has an `allOf`, but those of its clauses: it stands there, too.
    """
    if isinstance(value, list):
        return [_split(item) for item in value]
    if not isinstance(value, dict):
        return value
    if not schema:  # the keys are names: one may be called like a keyword
        return {key: _split(item) for key, item in value.items()}
    table = {key: item if key in VALUES else _split(item, schema=key not in MAPS) for key, item in value.items()}
    if "$ref" in table and len(table) > 1:
        table["allOf"] = [{"$ref": table.pop("$ref")}, *table.get("allOf", ())]
    if "allOf" in table and "description" in table:
        table["allOf"] = [{"description": table["description"]}, *table["allOf"]]
    return table


def _macros(variants: Sequence[str]) -> dict[str, Schema]:
    """The keys that say how a spec is put together."""
    name = {"anyOf": [{"enum": [*variants]}, {**TEXT, "pattern": ":"}]} if variants else TEXT
    return {
        "extends": {
            "description": "the path or bundled name of a spec that this one changes, or a list of them",
            "anyOf": [TEXT, STRINGS],
        },
        "variants": {
            "description": "fragments merged over the bases and under the keys of this file",
            "type": "array",
            "items": name,
        },
        "unset": {
            "description": "paths of keys to take out of bases and variants: regularizers.kl",
            "anyOf": [TEXT, STRINGS],
        },
        "$schema": {"description": "in JSON, where editors find this schema; nothing else reads it"},
    }


# --- forms of slots -----------------------------------------------------------------------------------------


def _slot(key: str, field: FieldInfo, definitions: Definitions) -> Schema:
    if key in LISTS:
        return {**annotation_keywords(field), **_shorthand(key, field, definitions)}
    if key in NAMED:
        called = {tag: _called(tag, field, definitions) for tag in definitions.parts[kind_of(field)]}
        return {**definitions.described(field), "properties": called}
    return definitions.described(field)


def _called(tag: str, field: FieldInfo, definitions: Definitions) -> Schema:
    """A penalty or a constraint that has the name of a part: of that part, unless it or a base says another."""
    kind = kind_of(field)
    about = {"description": summary(definitions.parts[kind][tag])}
    return {**about, **ref(f"slot.{kind}"), "anyOf": [about, ref(f"{kind}.{tag}")]}


def _shorthand(key: str, field: FieldInfo, definitions: Definitions) -> Schema:
    """A table for which a list is short, and a bare name, if it has a type."""
    table = next(tables(field.annotation))
    inner = fields(table)[LISTS[key]]
    own, entries, named = definitions.table(table), definitions.form_of(inner, editable=False), _names_of(table)
    chosen = cases((EDIT, definitions.form_of(inner)), (TABLE, own), (LIST, entries), (TEXT, named))
    types = ["array", "object", *(["string"] if named else [])]
    return {"type": types, **chosen, "anyOf": [{}, own, entries, *([named] if named else [])]}


def _names_of(table: type[Frozen]) -> Schema:
    """The types that a table may say, if it has any."""
    field = fields(table).get("type")
    return {"enum": [*get_args(field.annotation)]} if field else {}
