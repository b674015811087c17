"""Fields: what each field of a declaration takes, as JSON Schema.

A field's *form* is what may be written there if something stands below it, in a base or a variant: any part of a
table, and a table over a list, which edits the list. What it *wants* comes on top where nothing stands below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from aezoo.spec.component import Component, Frozen

Schema: TypeAlias = dict[str, Any]

#: What begins every reference.
DEFINITIONS = "#/definitions/"
TABLE: Schema = {"type": "object"}
LIST: Schema = {"type": "array"}
TEXT: Schema = {"type": "string"}
#: A part's table that leaves its type to its place, or to a base.
UNTYPED: Schema = {"type": "object", "not": {"required": ["type"]}}
UNNAMABLE = (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError)


class Names(Protocol):
    """What the definitions are called."""

    def slot(self, kind: str, *, listed: bool = False) -> Schema:
        """A part of the kind; `listed`, as an entry of a list."""

    def slots(self, kind: str) -> Schema:
        """A list of parts of the kind, or a table that edits one."""

    def table(self, table: type[Frozen]) -> Schema:
        """A table with keys of its own."""

    def wanted(self, table: type[Frozen]) -> Schema:
        """What a table, or a part of a kind, wants where nothing stands below it."""


def ref(name: str) -> Schema:
    """A reference to a definition."""
    return {"$ref": f"{DEFINITIONS}{name}"}


def cases(*pairs: tuple[Schema, Schema], otherwise: Schema | None = None) -> Schema:
    """The schema beside the first test that holds."""
    chain = otherwise or {}
    for test, then in reversed(pairs):
        if then or chain:
            chain = {"if": test, "then": then, **({"else": chain} if chain else {})}
    return chain


def joined(schemas: Sequence[Schema]) -> Schema:
    """What several parts take under one key: where they differ, the values that any of them can take."""
    first = schemas[0]
    if all(schema == first for schema in schemas):
        return first
    told = " / ".join(dict.fromkeys(schema["description"] for schema in schemas if "description" in schema))
    said: Schema = {"description": told} if told else {}
    if all("enum" in schema for schema in schemas):
        said["enum"] = [*dict.fromkeys(word for schema in schemas for word in schema["enum"])]
    return said


def summary(declaration: type[BaseModel]) -> str:
    """The first line of a docstring."""
    return (declaration.__doc__ or "").strip().partition("\n")[0]


def described(field: FieldInfo, names: Names) -> Schema:
    """The form of a field with its description and its default."""
    return {**told(field), **taken(field, names)}


def told(field: FieldInfo) -> Schema:
    """What a field is, and what it is unless said."""
    said: Schema = {"description": field.description} if field.description else {}
    default = _default(field)
    return said if default is None else {**said, "default": default}


def taken(field: FieldInfo, names: Names, *, editable: bool = True) -> Schema:
    """The form of a field; what its declaration says to JSON Schema itself comes on top."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return {**form(field.annotation, field.metadata, names, editable=editable), **extra}


def form(annotation: Any, bounds: Sequence[Any], names: Names, *, editable: bool = True) -> Schema:
    """What a type takes, within the bounds that stand beside it; `editable`, if a table may stand for a list."""
    annotation, bounds = _stripped(annotation, bounds)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return {"anyOf": [form(arm, bounds, names, editable=editable) for arm in inner]}
    if origin in (tuple, list) and inner:
        return _list(annotation, bounds, names, editable=editable)
    if origin is dict:
        return {"type": "object", "additionalProperties": form(inner[1], (), names)}
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return _table(annotation, names)
    return _leaf(annotation, bounds)


def wants(annotation: Any, names: Names) -> Schema:
    """What a type wants beside its form where nothing stands below; empty if nothing."""
    annotation, _ = _stripped(annotation, ())
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (tuple, list):
        return LIST
    if origin in (Union, UnionType) and not any(held(annotation)):
        return {"not": {"type": "object"}} if any(get_origin(_stripped(arm, ())[0]) is tuple for arm in inner) else {}
    if origin is dict:
        wanted = wants(inner[1], names)
        return {"additionalProperties": wanted} if wanted else {}
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return names.wanted(annotation)
    return {}


def held(annotation: Any, *, listed: bool = False) -> Iterator[tuple[type[Frozen], bool]]:
    """The declarations in a type, at any depth, and whether each is an entry of a list."""
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        yield annotation, listed
    listed = get_origin(annotation) in (tuple, list)
    for arm in get_args(annotation):
        yield from held(arm, listed=listed)


def _stripped(annotation: Any, bounds: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
    """A type without its wrappers and without None, which no spec can say."""
    bounds = tuple(bounds)
    while True:
        origin, inner = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            annotation, bounds = inner[0], (*inner[1:], *bounds)
        elif origin in (Union, UnionType) and NoneType in inner:
            annotation = Union[tuple(arm for arm in inner if arm is not NoneType)]  # noqa: UP007
        else:
            return annotation, bounds


def _table(table: type[Frozen], names: Names) -> Schema:
    if issubclass(table, Component) and table.is_slot():
        return names.slot(table.kind)
    return names.table(table)


def _list(annotation: Any, bounds: Sequence[Any], names: Names, *, editable: bool) -> Schema:
    """A list: of parts, of anything else, or of something else at each place."""
    inner = get_args(annotation)
    lengths = _lengths(bounds)
    if inner[-1] is not Ellipsis and get_origin(annotation) is tuple:
        lengths = {"minItems": len(inner), "maxItems": len(inner)}
    each = [arm for arm in inner if arm is not Ellipsis]
    entry, _ = _stripped(each[0], ())
    if isinstance(entry, type) and issubclass(entry, Component) and entry.is_slot():
        whole = {**LIST, "items": names.slot(entry.kind, listed=True)}
        return {**(names.slots(entry.kind) if editable else whole), **lengths}
    forms = [_entry(arm, names) for arm in each]
    items = {"items": forms[0] if all(item == forms[0] for item in forms) else forms}
    return {"type": ["array", "object"] if editable else "array", **items, **lengths}


def _entry(annotation: Any, names: Names) -> Schema:
    """An entry of a list is whole, whatever stands below the list."""
    whole, wanted = form(annotation, (), names, editable=False), wants(annotation, names)
    return {**whole, "allOf": [wanted]} if any(held(annotation)) and wanted else whole


def _lengths(bounds: Sequence[Any]) -> Schema:
    said: Schema = {}
    for bound in bounds:
        for inner in (bound, *(getattr(bound, "metadata", None) or ())):
            for word, keyword in (("min_length", "minItems"), ("max_length", "maxItems")):
                if getattr(inner, word, None) is not None:
                    said[keyword] = getattr(inner, word)
    return said


def _leaf(annotation: Any, bounds: Sequence[Any]) -> Schema:
    """What pydantic says of a type without tables; a type that JSON Schema has no word for takes anything."""
    if annotation is Any:
        return {}
    plain = tuple(bound for bound in bounds if not hasattr(bound, "func"))  # validators are no bounds
    try:
        said = TypeAdapter(Annotated[(annotation, *plain)] if plain else annotation).json_schema()
    except UNNAMABLE:
        return {}
    if "$defs" in said:
        return {}
    single = get_origin(annotation) is Literal
    return {key: value for key, value in said.items() if key != "title" and not (single and key == "type")}


def _default(field: FieldInfo) -> Any:
    """A default as a spec would write it; None where there is none to write."""
    if field.is_required() or field.default_factory_takes_validated_data:  # made from other fields: it is no one value
        return None
    return _written(field.get_default(call_default_factory=True))


def _written(value: Any) -> Any:
    if not isinstance(value, BaseModel):
        return to_jsonable_python(value, fallback=str)
    written = value.model_dump(mode="json", exclude_defaults=True)
    if not isinstance(written, dict):
        return written
    name = getattr(value, "type", "")
    return name if name and not written.keys() - {"type"} else written
