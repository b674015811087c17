"""Fields: what a field of a declaration says of itself as JSON Schema, and what its type takes if it holds no table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from aezoo.spec.component import Component, Frozen

Schema: TypeAlias = dict[str, Any]

TABLE: Schema = {"type": "object"}
LIST: Schema = {"type": "array"}
TEXT: Schema = {"type": "string"}
#: A part's table that leaves its type to its key, or to a base.
UNTYPED: Schema = {"type": "object", "not": {"required": ["type"]}}
#: What pydantic raises for a type that JSON Schema cannot express.
INEXPRESSIBLE = (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError)


def ref(name: str) -> Schema:
    """A reference to a definition."""
    return {"$ref": f"#/definitions/{name}"}


def cases(*pairs: tuple[Schema, Schema], otherwise: Schema | None = None) -> Schema:
    """The schema beside the first test that holds."""
    chain = otherwise or {}
    for test, then in reversed(pairs):
        if then or chain:
            chain = {"if": test, "then": then, **({"else": chain} if chain else {})}
    return chain


def joined(schemas: Sequence[Schema]) -> Schema:
    """What several parts take under one key: where they differ, the values that any of them can take."""
    if all(schema == schemas[0] for schema in schemas):
        return schemas[0]
    descriptions = dict.fromkeys(schema["description"] for schema in schemas if "description" in schema)
    union: Schema = {"description": " / ".join(descriptions)} if descriptions else {}
    if all("enum" in schema for schema in schemas):
        union["enum"] = [*dict.fromkeys(value for schema in schemas for value in schema["enum"])]
    return union


def summary(declaration: type[BaseModel]) -> str:
    """The first line of a docstring."""
    return (declaration.__doc__ or "").strip().partition("\n")[0]


def annotation_keywords(field: FieldInfo) -> Schema:
    """The description and the default of a field."""
    described: Schema = {"description": field.description} if field.description else {}
    default = None
    if not (field.is_required() or field.default_factory_takes_validated_data):  # made from other fields: no one value
        default = _written(field.get_default(call_default_factory=True))
    return described if default is None else {**described, "default": default}


def _written(value: Any) -> Any:
    """A default as a spec would write it."""
    if not isinstance(value, BaseModel):
        return to_jsonable_python(value, fallback=str)
    written = value.model_dump(mode="json", exclude_defaults=True)
    name = getattr(value, "type", "") if isinstance(written, dict) else ""
    return name if name and not written.keys() - {"type"} else written


def stripped(annotation: Any, bounds: Sequence[Any] = ()) -> tuple[Any, tuple[Any, ...]]:
    """A type without its wrappers and without None, which no spec can say; and the bounds that stand beside it."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return stripped(inner[0], (*inner[1:], *bounds))
    if origin in (Union, UnionType) and NoneType in inner:
        return stripped(Union[tuple(arm for arm in inner if arm is not NoneType)], bounds)  # noqa: UP007
    return annotation, tuple(bounds)


def lengths(bounds: Sequence[Any]) -> Schema:
    """How many entries a list has."""
    keywords = (("min_length", "minItems"), ("max_length", "maxItems"))
    single = [item for bound in bounds for item in (bound, *(getattr(bound, "metadata", None) or ()))]
    return {key: getattr(one, name) for one in single for name, key in keywords if getattr(one, name, None) is not None}


def leaf(annotation: Any, bounds: Sequence[Any]) -> Schema:
    """What pydantic says of a type without tables; a type that JSON Schema cannot express takes anything."""
    # Validators are no bounds, and neither is what chooses a form.
    plain = tuple(bound for bound in bounds if not (hasattr(bound, "func") or hasattr(bound, "discriminator")))
    try:
        schema = TypeAdapter(Annotated[(annotation, *plain)] if plain else annotation).json_schema()
    except INEXPRESSIBLE:
        return {}
    dropped = {"title", "type"} if get_origin(annotation) is Literal else {"title"}
    return {} if "$defs" in schema else {key: value for key, value in schema.items() if key not in dropped}


def declared(annotation: Any) -> type[Frozen] | None:
    """The declaration that an annotation is, if it is one."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, Frozen) else None


def slot_kind(annotation: Any) -> str:
    """The kind of the parts that an annotation takes; empty if it is no slot."""
    table = declared(annotation)
    return table.kind if table and issubclass(table, Component) and table.is_slot() else ""


def declarations(annotation: Any, *, listed: bool = False) -> Iterator[tuple[type[Frozen], bool]]:
    """The declarations in a type, at any depth, and whether each is an entry of a list."""
    if table := declared(annotation):
        yield table, listed
    for inner in get_args(annotation):
        yield from declarations(inner, listed=get_origin(annotation) in (tuple, list))
