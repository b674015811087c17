"""Drafts: a JSON Schema of draft 2020-12, said in an older draft."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

Draft = Literal["2020-12", "7", "4"]
Schema: TypeAlias = dict[str, Any]

DRAFTS: tuple[str, ...] = get_args(Draft)
METASCHEMAS = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "7": "http://json-schema.org/draft-07/schema#",
    "4": "http://json-schema.org/draft-04/schema#",
}
#: Keywords that hold schemas by name, in a list, or one.
MAPS = frozenset({"properties", "patternProperties", "$defs"})
LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
SINGLE = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"})


def lowered(schema: Schema, draft: Draft) -> Schema:
    """The same schema in the words of a draft, and in those that editors understand.

    No reference has company: older drafts read nothing beside it, and some editors merge both badly. Draft 7 calls
    definitions something else and has no `prefixItems`. Draft 4 has no `const`, no bounds that are numbers and
    exclusive at once, and no `if`: that becomes an `anyOf`, which says the same and explains it worse.
    """
    told = {keyword: _inner(keyword, value, draft) for keyword, value in schema.items()}
    told = _alone(told if draft == "2020-12" else _tuples(_renamed(told)))
    return _told(_bounds(_constant(_conditional(told))) if draft == "4" else told)


def _inner(keyword: str, value: Any, draft: Draft) -> Any:
    if keyword in MAPS:
        return {name: lowered(item, draft) for name, item in value.items()}
    if keyword in LISTS:
        return [lowered(item, draft) for item in value]
    return lowered(value, draft) if keyword in SINGLE and isinstance(value, dict) else value


def _renamed(schema: Schema) -> Schema:
    if "$ref" in schema:
        schema = {**schema, "$ref": schema["$ref"].replace("#/$defs/", "#/definitions/", 1)}
    return {"definitions" if key == "$defs" else key: value for key, value in schema.items()}


def _alone(schema: Schema) -> Schema:
    """A reference with company goes into an `allOf`."""
    if "$ref" not in schema or len(schema) == 1:
        return schema
    return {**_without(schema, "$ref"), "allOf": [{"$ref": schema["$ref"]}, *schema.get("allOf", ())]}


def _told(schema: Schema) -> Schema:
    """taplo shows no description of a schema that has an `allOf`, but those of its clauses."""
    if "allOf" not in schema or "description" not in schema:
        return schema
    return {**schema, "allOf": [{"description": schema["description"]}, *schema["allOf"]]}


def _tuples(schema: Schema) -> Schema:
    """`items` as a list says what stands at each place, and `additionalItems` what follows."""
    if "prefixItems" not in schema:
        return schema
    rest = {"additionalItems": schema["items"]} if "items" in schema else {}
    return {**_without(schema, "prefixItems", "items"), "items": schema["prefixItems"], **rest}


def _conditional(schema: Schema) -> Schema:
    if "if" not in schema:
        return schema
    test, clauses = schema["if"], list(schema.get("allOf", ()))
    if "then" in schema:
        clauses.append({"anyOf": [{"not": test}, schema["then"]]})
    if "else" in schema:
        clauses.append({"anyOf": [test, schema["else"]]})
    return {**_without(schema, "if", "then", "else"), "allOf": clauses}


def _constant(schema: Schema) -> Schema:
    return {**_without(schema, "const"), "enum": [schema["const"]]} if "const" in schema else schema


def _bounds(schema: Schema) -> Schema:
    """`exclusiveMinimum = 0` is `minimum = 0` with `exclusiveMinimum = true`."""
    for inclusive, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in schema:
            schema = {**schema, inclusive: schema[exclusive], exclusive: True}
    return schema


def _without(schema: Schema, *keywords: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keywords}
