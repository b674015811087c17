"""Older drafts of JSON Schema: known translations, and the same verdicts by an independent validator."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aezoo.schema.drafts import DRAFTS, METASCHEMAS, Draft, lowered


def test_the_newest_draft_is_what_it_was() -> None:
    told = {"$defs": {"a": {"const": 1}}, "if": {"type": "object"}, "then": {"$ref": "#/$defs/a"}}
    assert lowered(told, "2020-12") == told


def test_draft_7_calls_definitions_what_they_were_called() -> None:
    told = {"$defs": {"a": {"const": 1}}, "items": {"$ref": "#/$defs/a"}}
    assert lowered(told, "7") == {"definitions": {"a": {"const": 1}}, "items": {"$ref": "#/definitions/a"}}


def test_a_list_with_something_else_at_each_place_has_its_own_word() -> None:
    told = {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": {"type": "number"}}
    assert lowered(told, "7") == {
        "items": [{"type": "integer"}, {"type": "string"}],
        "additionalItems": {"type": "number"},
    }


def test_a_reference_with_company_goes_into_a_clause() -> None:
    told = {"$ref": "#/$defs/a", "default": 3}
    assert lowered(told, "2020-12") == {"default": 3, "allOf": [{"$ref": "#/$defs/a"}]}


def test_what_a_schema_is_stands_in_a_clause_too() -> None:
    told = {"$ref": "#/$defs/a", "description": "x"}
    clauses = [{"description": "x"}, {"$ref": "#/definitions/a"}]
    assert lowered(told, "7") == {"description": "x", "allOf": clauses}


def test_draft_4_has_neither_const_nor_exclusive_numbers_nor_conditions() -> None:
    assert lowered({"const": "a"}, "4") == {"enum": ["a"]}
    assert lowered({"exclusiveMinimum": 0, "maximum": 1}, "4") == {
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 1,
    }
    assert lowered({"if": {"type": "object"}, "then": {"minProperties": 1}, "else": {"enum": [1]}}, "4") == {
        "allOf": [
            {"anyOf": [{"not": {"type": "object"}}, {"minProperties": 1}]},
            {"anyOf": [{"type": "object"}, {"enum": [1]}]},
        ]
    }


def test_keys_that_are_called_like_keywords_stay() -> None:
    told = {"properties": {"const": {"type": "string"}, "$ref": {"type": "string"}, "if": {"const": 1}}}
    assert lowered(told, "4")["properties"] == {
        "const": {"type": "string"},
        "$ref": {"type": "string"},
        "if": {"enum": [1]},
    }


VALUES = st.recursive(
    st.sampled_from([0, 1, 2, 0.5, "a", "b", True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)
TYPES = st.sampled_from(["object", "array", "integer", "number", "string", "boolean"])
LEAVES = st.one_of(
    st.builds(lambda word: {"type": word}, TYPES),
    st.builds(lambda value: {"const": value}, st.sampled_from([0, "a", "b"])),
    st.builds(lambda end: {"exclusiveMinimum": end}, st.sampled_from([0, 1])),
    st.builds(lambda end: {"exclusiveMaximum": end, "minimum": 0}, st.sampled_from([1, 2])),
    st.just({"required": ["a"]}),
    st.just({"$ref": "#/$defs/known"}),
    st.just({"$ref": "#/$defs/known", "maxItems": 1}),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda a, b, c: {"if": a, "then": b, "else": c}, inner, inner, inner),
        st.builds(lambda a, b: {"if": a, "then": b, "allOf": [a]}, inner, inner),
        st.builds(lambda a: {"not": a}, inner),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
        st.builds(lambda a: {"properties": {"a": a}, "additionalProperties": False}, inner),
        st.builds(lambda a, b: {"prefixItems": [a], "items": b}, inner, inner),
    ),
    max_leaves=6,
)


def verdict(told: dict[str, Any], draft: Draft, value: Any) -> bool:
    whole = {"$schema": METASCHEMAS[draft], "$defs": {"known": {"type": ["array", "string"]}}, "allOf": [told]}
    older = lowered(whole, draft)
    validator = jsonschema.validators.validator_for(older, default=None)
    validator.check_schema(older)
    return bool(validator(older).is_valid(value))


@settings(deadline=None, derandomize=True, database=None, max_examples=200)
@given(SCHEMAS, VALUES)
def test_every_draft_says_the_same(told: dict[str, Any], value: Any) -> None:
    assert len({verdict(told, draft, value) for draft in DRAFTS}) == 1


@pytest.mark.parametrize("draft", DRAFTS)
def test_each_draft_is_named_by_its_metaschema(draft: Draft) -> None:
    validator = jsonschema.validators.validator_for({"$schema": METASCHEMAS[draft]}, default=None)
    assert validator.META_SCHEMA["$schema"].rstrip("#") == METASCHEMAS[draft].rstrip("#")
