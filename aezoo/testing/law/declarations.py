"""Laws of declarations: docstrings, fields, types, and how they are read and written. They need no torch."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from aezoo.errors import AezooError
from aezoo.reading.reader import check
from aezoo.reading.text import parse, to_toml
from aezoo.reference.entry import fields_of, text_of
from aezoo.reference.words import PLAIN, takes
from aezoo.registry.status import NAMESPACE as SNAKE
from aezoo.spec.canonical import to_json
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import KINDS
from aezoo.testing.law.definition import PLUGIN, law
from aezoo.testing.law.under_test import PartUnderTest, PluginUnderTest, parts_with_paths

ALL_KINDS = tuple(KINDS)
IN_SLOTS = tuple(kind for kind in KINDS if kind != "metric")
#: No part has a field of this name.
UNKNOWN_KEY = "no_such_key"


@law(
    "L01",
    *ALL_KINDS,
    says="The docstring begins with one line that says what the part is.",
    hint="write a first line of its own that ends in a full stop; `aezoo components` prints it",
)
def docstring(tested: PartUnderTest) -> Iterator[str]:
    summary = text_of(tested.part).summary
    if not summary:
        yield "it has no docstring"
    elif not summary.endswith("."):
        yield f"its first line is no sentence: {summary!r}"


@law(
    "L02",
    *ALL_KINDS,
    says="Every field has a description.",
    hint='write `Field(default, description="what it is")`; the reference and editors show it',
)
def descriptions(tested: PartUnderTest) -> Iterator[str]:
    undescribed = [field.name for field in fields_of(tested.part) if not field.description.strip()]
    if undescribed:
        yield f"nothing is said of {', '.join(undescribed)}"


@law(
    "L03",
    *ALL_KINDS,
    says="The docstring has an `Example:` in TOML that reads, in a small spec, as this part.",
    hint="write it as it stands in a spec, other slots included that it needs: for a layer without a mirror `input` and"
    " `decoder`; of a metric, `type` and its fields",
)
def example(tested: PartUnderTest) -> Iterator[str]:
    if not text_of(tested.part).example:
        yield "its docstring has no `Example:`"
        return
    try:
        spec = tested.read_example()
    except tomllib.TOMLDecodeError as error:
        yield f"its example is no TOML: {error}"
    except (AezooError, ValidationError) as error:
        yield f"its example does not read: {error}"
    else:
        if not tested.stands_in(spec):
            yield "its example reads, and does not hold it"


@law(
    "L17",
    *ALL_KINDS,
    says="The type is one name in snake_case, and the only one that the field takes.",
    hint='write `type: Literal["my_part"] = "my_part"`',
)
def one_name(tested: PartUnderTest) -> Iterator[str]:
    field = tested.part.model_fields["type"]
    if get_origin(field.annotation) is not Literal or get_args(field.annotation) != (field.default,):
        yield f"its type {field.default!r} is annotated {takes(field.annotation, field.metadata, PLAIN)}"
    elif not SNAKE.fullmatch(field.default):
        yield f"its type {field.default!r} is not in snake_case"


@law(
    "L18",
    PLUGIN,
    says="The plugin adds a part or a variant.",
    hint="return them from `aezoo_components` and `aezoo_variants`, marked with `@hookimpl`",
)
def something(plugin: PluginUnderTest) -> Iterator[str]:
    if not plugin.parts and not plugin.variants:
        yield "its hooks give nothing, or it has none"


@law(
    "L04",
    *IN_SLOTS,
    says="A spec with the part, written as TOML or JSON and read again, is the same spec.",
    hint="keep to fields that TOML can say (no None but as a default, no objects), and leave the serializer alone",
)
def text(tested: PartUnderTest) -> Iterator[str]:
    for spec in tested.specs[:1]:
        for name, document in _round_trips(spec.document()):
            again, _ = check(document, registry=tested.plugin.registry)
            if again != spec or again.run != spec.run:
                yield f"read again from {name}: {_difference(spec, again, tested)}"
    for _, _, part in tested.occurrences:
        for name, table in _round_trips(_table(part) or {}):
            copy = tested.part.model_validate(table, context=tested.context) if table else part
            if copy != part:
                yield f"read again from {name}: {part!r} became {copy!r}"


def _round_trips(table: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A table written as TOML and as JSON, and read again."""
    for name, write in {"spec.toml": to_toml, "spec.json": to_json}.items():
        yield name, parse(write(table).encode(), name)


@law(
    "L05",
    *IN_SLOTS,
    says="A spec with the part is valid by the JSON Schema that `aezoo schema` prints.",
    hint="what validators in code refuse or convert, the annotations of the fields should say, too",
)
def in_schema(tested: PartUnderTest) -> Iterator[str]:
    validator = _validator(tested.plugin)
    for spec in tested.specs:
        for error in validator.iter_errors(json.loads(to_json(spec.document()))):
            yield f"{error.json_path}: {error.message[:200]}"
            return


@law(
    "L06",
    *ALL_KINDS,
    says="A key that the part does not know is refused.",
    hint='leave `model_config` alone: `extra = "forbid"` is in the base',
)
def unknown_keys(tested: PartUnderTest) -> Iterator[str]:
    for _, part in _settings(tested):
        table = _table(part)
        if table is None:
            continue
        if not _refused(tested, {**table, UNKNOWN_KEY: 1}):
            yield f"{UNKNOWN_KEY} = 1 is taken beside {table}"
        return


@law(
    "L07",
    *ALL_KINDS,
    says="A part is frozen and hashable, and takes no text for a number.",
    hint="leave `model_config` alone: `strict` and `frozen` are in the base; take `Ints` or `Floats` for lists",
)
def strict(tested: PartUnderTest) -> Iterator[str]:
    for _, part in _settings(tested):
        yield from _lenient_fields(tested, part)
        return


def _lenient_fields(tested: PartUnderTest, part: Component) -> Iterator[str]:
    try:
        hash(part)
    except TypeError as error:
        yield f"{part!r} cannot be hashed: {error}"
    if not type(part).model_config.get("frozen"):
        yield "its fields can be set: it is not frozen"
    table = _table(part) or {}
    for key, value in table.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            as_text = {**table, key: str(value)}
            if not _refused(tested, as_text):
                yield f"{key} = {str(value)!r} is taken for a number"


def _settings(tested: PartUnderTest) -> Iterator[tuple[Any, Component]]:
    """The part in every setting; of a metric, that of its example."""
    if tested.kind != "metric":
        yield from ((spec, part) for spec, _, part in tested.occurrences)
    elif tested.example is not None:
        yield tested.example, tested.metric


def _table(part: Component) -> dict[str, Any] | None:
    """The part as a table; None for one that is written as a number."""
    written = part.model_dump(mode="json", exclude_none=True, by_alias=True)
    return written if isinstance(written, dict) else None


def _refused(tested: PartUnderTest, table: dict[str, Any]) -> bool:
    try:
        tested.part.model_validate(table, context=tested.context)
    except ValidationError:
        return True
    return False


def _difference(spec: Spec, again: Spec, tested: PartUnderTest) -> str:
    before = [part for _, part in parts_with_paths(spec) if type(part) is tested.part]
    after = [part for _, part in parts_with_paths(again) if type(part) is tested.part]
    return f"{before[0]!r} became {after[0]!r}" if before and after and before != after else "it is another spec"


@cache
def _validator(plugin: PluginUnderTest) -> Any:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    from aezoo.schema.schema import schema

    return Draft202012Validator(schema(plugin.registry.parts(), variants=plugin.registry.variants()))


LAWS = [docstring, descriptions, example, one_name, something, text, in_schema, unknown_keys, strict]
