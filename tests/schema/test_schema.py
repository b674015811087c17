"""The JSON Schema of specs, by an independent validator: it takes what aezoo reads, and refuses what aezoo refuses."""

from __future__ import annotations

import json
import re
import tomllib
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BeforeValidator

import aezoo
from aezoo.errors import SpecError
from aezoo.layers.convolutions import ConvSpec
from aezoo.plugin import (
    Component,
    CorruptionSpec,
    Field,
    Frozen,
    LatentSpec,
    LayerSpec,
    RegularizerSpec,
    as_tuple,
)
from aezoo.reading.bundled import bundled_specs
from aezoo.reference.entry import text_of
from aezoo.registry.registry import Registry
from aezoo.schema.schema import schema
from aezoo.testing import specs
from tests.defects import mutated
from tests.registries import built_in

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "schema.json"
GENERATED = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

Document = dict[str, Any]
Refusals = Callable[[Document], list[str]]

SPEC: Document = {
    "name": "a",
    "input": [1, 28, 28],
    "encoder": [{"type": "flatten"}, {"type": "linear", "features": 64}],
    "latent": {"type": "gaussian", "dim": 8},
}


BOX = built_in()


def refusals_of(registry: Registry) -> Refusals:
    document = schema(registry.parts(), variants=registry.variants())
    validator = jsonschema.validators.validator_for(document, default=None)(document)
    return lambda document: [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


REFUSALS = refusals_of(BOX)


def refused(document: Document) -> bool:
    return bool(REFUSALS(document))


def read(document: Document) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        aezoo.read(document, registry=BOX)


# --- the schema itself ----------------------------------------------------------------------------------------------


def test_it_is_valid_against_the_metaschema_of_draft_7() -> None:
    document = schema(BOX.parts())
    assert jsonschema.validators.validator_for(document, default=None) is jsonschema.Draft7Validator
    jsonschema.Draft7Validator.check_schema(document)


def test_no_reference_has_company_and_each_description_is_among_the_clauses() -> None:
    def nodes(value: Any) -> Iterator[Any]:
        yield value
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from nodes(inner)

    found = [node for node in nodes(schema(BOX.parts())) if isinstance(node, dict)]
    references = [node for node in found if isinstance(node.get("$ref"), str)]
    assert len(references) > 100
    assert all(len(node) == 1 for node in references)
    described = [node for node in found if isinstance(node.get("allOf"), list) and "description" in node]
    assert described
    assert all(node["allOf"][0] == {"description": node["description"]} for node in described)


def test_the_language_is_the_one_in_the_golden_file(golden: bool) -> None:
    document = schema(BOX.parts(), variants=BOX.variants())
    if golden:
        GOLDEN.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    golden_document = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert golden_document == document, "pytest --golden writes it anew: read the difference"


def test_every_part_is_defined_once_with_its_docs_its_provider_and_its_keys() -> None:
    definitions = schema(BOX.parts())["definitions"]
    for part in BOX.parts():
        definition = definitions[f"{part.kind}.{part.tag()}"]
        assert definition["description"] == text_of(part).summary
        assert definition["x-provider"] == "aezoo"
        assert definition["additionalProperties"] is False
        keys = {field.alias or name for name, field in part.model_fields.items()}
        assert definition["properties"].keys() - {"each"} == keys
    conv = definitions["layer.conv"]["properties"]
    assert conv["kernel"] == {
        "description": "positions along each axis that one output sees",
        "default": 3,
        "minimum": 1,
        "type": "integer",
    }


def test_every_name_of_a_part_has_a_description() -> None:
    names = schema(BOX.parts())["definitions"]["type.latent"]
    assert names["enum"] == BOX.names("latent")
    assert names["enumDescriptions"] == [text_of(BOX.get("latent", name)).summary for name in names["enum"]]


def test_every_reference_leads_somewhere() -> None:
    document = schema(BOX.parts())
    for path in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        node: Any = document
        for step in path.split("/"):
            node = node[step]
        assert isinstance(node, dict)


# --- what it takes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(bundled_specs()))
def test_a_bundled_spec_is_valid_as_written_and_as_resolved(name: str) -> None:
    assert REFUSALS(tomllib.loads(bundled_specs()[name].read_text(encoding="utf-8"))) == []
    assert REFUSALS(aezoo.read(name).document()) == []


def test_the_example_of_every_part_is_valid_where_it_stands() -> None:
    slotted = [part for part in BOX.parts() if part.kind != "metric"]  # a metric stands in no slot
    examples = [tomllib.loads(text_of(part).example) for part in slotted]
    assert all(examples)
    for example in examples:
        assert REFUSALS({**SPEC, **example}) == []


def test_a_macro_in_the_docs_is_valid() -> None:
    page = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) > 10
    for block in blocks:
        below = {"extends": "something"} if block.startswith("# fragment") else {}
        assert refused({**below, **tomllib.loads(block)}) is False, block


RIGHT: dict[str, Document] = {
    "a schema of its own": {"$schema": "./aezoo.schema.json"},
    "a bare name": {"likelihood": "bernoulli", "data": "digits", "corruption": ["mask"]},
    "settings of a default": {"likelihood": {"output": "sigmoid"}, "training": {"optimizer": {"lr": 0.1}}},
    "a number for a schedule": {"regularizers": {"kl": {"weight": 2}}, "training": {"optimizer": {"lr": 1}}},
    "a schedule": {"regularizers": {"kl": {"weight": {"type": "linear", "steps": 10}}}},
    "a penalty by its name": {"regularizers": {"kl": {}}, "constraints": {"unit_norm": {}}},
    "a penalty by another name": {"regularizers": {"rate": {"type": "kl"}, "size": "l2"}},
    "a decoder": {"decoder": "mirror"},
    "a mirror with changes": {"decoder": {"upsampling": "resize", "tied": False}},
    "layers of a decoder": {
        "decoder": [{"type": "linear", "features": 784}, {"type": "reshape", "shape": [1, 28, 28]}]
    },
    "layers in a table": {"decoder": {"layers": [{"type": "linear", "features": 9}]}},
    "one number or two": {"corruption": [{"type": "mask", "p": 0.5}, {"type": "mask", "p": [0.1, 0.5]}]},
    "each": {"encoder": ["flatten", {"type": "linear", "each": {"features": [64, 32], "norm": ["none", "batch"]}}]},
    "each with types": {"encoder": [{"each": {"type": ["flatten", "activation"]}}]},
    "a layer in a layer": {"encoder": [{"type": "residual", "body": [{"type": "residual", "body": ["flatten"]}]}]},
    "a prior": {"latent": {"type": "gaussian", "dim": 2, "prior": "standard_normal"}},
    "a list that edits nothing": {"unset": [], "extends": [], "variants": []},
}

#: Over a base: nothing is required, tables are parts of tables, and a table may stand for a list.
OVER: dict[str, Document] = {
    "nothing": {},
    "a key": {"latent": {"dim": 2}, "likelihood": {"output": "sigmoid"}},
    "a list of bases": {"extends": ["a", "b.toml"]},
    "what goes": {"unset": ["regularizers.kl", "corruption"]},
    "what alone goes": {"unset": "corruption"},
    "an entry by its position": {"encoder": {"0": {"channels": 3}, "2": {"type": "conv"}, "1": "flatten"}},
    "more entries": {"encoder": {"append": [{"type": "linear", "features": 3}], "prepend": ["flatten"]}},
    "one entry more": {"encoder": {"append": {"type": "linear", "features": 3}}},
    "more that repeat": {"encoder": {"append": [{"type": "linear", "each": {"features": [3, 2]}}]}},
    "an entry of a body": {"encoder": {"0": {"body": {"0": {"channels": 8}}}}},
    "a decoder's entry": {"decoder": {"0": {"features": 9}}},
    "a decoder's layers": {"decoder": {"layers": {"0": {"features": 9}, "append": ["flatten"]}}},
    "a number of a list": {"input": {"0": 3}, "training": {"optimizer": {"betas": {"0": 0.5}}}},
    "a penalty of any type": {"regularizers": {"rate": {"weight": 2.0, "free_bits": 0.1}, "kl": {"rho": 0.1}}},
    "a part of a schedule": {"regularizers": {"kl": {"weight": {"steps": 10}}}},
}


@pytest.mark.parametrize("case", RIGHT)
def test_a_complete_spec_may_say(case: str) -> None:
    assert refused({**SPEC, **RIGHT[case]}) is False


@pytest.mark.parametrize("case", OVER)
def test_a_spec_over_another_may_say(case: str) -> None:
    assert refused({"extends": "base", **OVER[case]}) is False
    assert refused({"variants": ["sparse", "stranger:dense"], **OVER[case]}) is False


# --- what it refuses ------------------------------------------------------------------------------------------------

#: Each with what aezoo says of it.
WRONG: dict[str, tuple[str, Document]] = {
    "a misspelt slot": ("AZ203", {"latnet": {}}),
    "a misspelt key of the input": ("AZ203", {"input": {"shape": [3], "rnge": [0, 1]}}),
    "a misspelt key of a layer": ("AZ203", {"encoder": [{"type": "linear", "features": 3, "act": "relu"}]}),
    "a key of another layer": ("AZ203", {"encoder": [{"type": "linear", "features": 3, "kernel": 3}]}),
    "a misspelt key in a body": ("AZ203", {"encoder": [{"type": "residual", "body": [{"type": "flatten", "x": 1}]}]}),
    "a misspelt key of the latent": ("AZ203", {"latent": {"type": "gaussian", "dim": 2, "dims": 3}}),
    "a misspelt key of the decoder": ("AZ203", {"decoder": {"tide": True}}),
    "a misspelt key of a penalty": ("AZ203", {"regularizers": {"kl": {"wieght": 1.0}}}),
    "a misspelt key of a schedule": ("AZ203", {"regularizers": {"kl": {"weight": {"type": "linear", "begin": 0}}}}),
    "a misspelt key of training": ("AZ203", {"training": {"epoch": 3}}),
    "a misspelt key of the optimizer": ("AZ203", {"training": {"optimizer": {"type": "adam", "rate": 0.1}}}),
    "a misspelt key of a default": ("AZ203", {"likelihood": {"outputs": "sigmoid"}}),
    "a misspelt layer": ("AZ301", {"encoder": [{"type": "lineal", "features": 3}]}),
    "a misspelt bare name": ("AZ301", {"likelihood": "bernouli"}),
    "a misspelt type of a penalty": ("AZ301", {"regularizers": {"a": {"type": "kld"}}}),
    "a penalty of no known type": ("AZ301", {"regularizers": {"kld": {"weight": 1.0}}}),
    "a misspelt optimizer": ("AZ301", {"training": {"optimizer": "adm"}}),
    "a misspelt schedule": ("AZ301", {"regularizers": {"kl": {"weight": "lineer"}}}),
    "a misspelt variant": ("AZ301", {"variants": ["sprase"]}),
    "a part of another kind": ("AZ301", {"encoder": ["gaussian"]}),
    "a word for a number": ("AZ201", {"latent": {"type": "gaussian", "dim": "8"}}),
    "a fraction of a layer": ("AZ201", {"encoder": [{"type": "linear", "features": 3.5}]}),
    "a number for a switch": ("AZ201", {"encoder": [{"type": "linear", "features": 3, "bias": 1}]}),
    "a number for a name": ("AZ201", {"name": 3}),
    "a name of no letters": ("AZ201", {"name": ""}),
    "a number for a slot": ("AZ201", {"latent": 3}),
    "a table for a list": ("AZ207", {"encoder": {"type": "flatten"}}),
    "a layer for a list of layers": ("AZ201", {"encoder": "flatten"}),
    "a list in a list": ("AZ201", {"encoder": [["flatten"]]}),
    "a word for a schedule's number": ("AZ201", {"regularizers": {"kl": {"weight": {"type": "linear", "end": "1"}}}}),
    "no axes": ("AZ201", {"input": []}),
    "five axes": ("AZ201", {"input": [1, 2, 3, 4, 5]}),
    "an axis of nothing": ("AZ201", {"input": {"shape": [0]}}),
    "a range of three ends": ("AZ201", {"input": {"shape": [3], "range": [0, 1, 2]}}),
    "a kind of input that is none": ("AZ201", {"input": {"shape": [3], "kind": "text"}}),
    "a width of nothing": ("AZ201", {"latent": {"type": "gaussian", "dim": 0}}),
    "a share beyond all": ("AZ201", {"encoder": [{"type": "dropout", "p": 1.0}]}),
    "an activation that is none": ("AZ201", {"encoder": [{"type": "activation", "activation": "rleu"}]}),
    "no epochs": ("AZ201", {"training": {"epochs": 0}}),
    "a batch below nothing": ("AZ201", {"training": {"batch_size": -1}}),
    "one number of two": ("AZ202", {"training": {"optimizer": {"type": "adam", "betas": [0.9]}}}),
    "an empty body": ("AZ201", {"encoder": [{"type": "residual", "body": []}]}),
    "a version to come": ("AZ209", {"aezoo": 2}),
    "no type": ("AZ202", {"latent": {"dim": 8}}),
    "no type of a layer": ("AZ202", {"encoder": [{"features": 8}]}),
    "no width": ("AZ202", {"latent": {"type": "gaussian"}}),
    "a bare name that says too little": ("AZ202", {"encoder": ["linear"]}),
    "no shape": ("AZ202", {"input": {"range": [0, 1]}}),
    "no value of a schedule": ("AZ202", {"regularizers": {"kl": {"weight": {"type": "cosine"}}}}),
    "no body": ("AZ202", {"encoder": [{"type": "residual"}]}),
    "each without what is required": ("AZ202", {"encoder": [{"type": "linear", "each": {"bias": [True, False]}}]}),
    "each of no lists": ("AZ204", {"encoder": [{"type": "linear", "each": {"features": 64}}]}),
    "each of empty lists": ("AZ204", {"encoder": [{"type": "linear", "each": {"features": []}}]}),
    "each of a key that is none": ("AZ203", {"encoder": [{"type": "linear", "each": {"feature": [1, 2]}}]}),
    "each of a wrong value": ("AZ201", {"encoder": [{"type": "linear", "each": {"features": [1, 0]}}]}),
    "each outside a list": ("AZ203", {"latent": {"type": "gaussian", "each": {"dim": [1, 2]}}}),
    "variants in a word": ("AZ206", {"variants": "sparse"}),
    "a base that is none": ("AZ206", {"extends": 3}),
    "an edit with nothing below": ("AZ207", {"encoder": {"append": ["flatten"]}}),
}


def without(key: str) -> Document:
    return {name: value for name, value in SPEC.items() if name != key}


@pytest.mark.parametrize("case", WRONG)
def test_a_complete_spec_may_not_say(case: str) -> None:
    code, said = WRONG[case]
    document = {**SPEC, **said}
    with pytest.raises(SpecError) as error:
        read(document)
    assert code in {fault.code for fault in error.value.faults}
    assert refused(document) is True


@pytest.mark.parametrize("key", ["name", "input", "latent"])
def test_a_complete_spec_has(key: str) -> None:
    with pytest.raises(SpecError):
        read(without(key))
    assert refused(without(key)) is True


WRONG_OVER: dict[str, Document] = {
    "a misspelt key without a type": {"latent": {"dims": 2}},
    "a misspelt key of an entry": {"encoder": {"0": {"chanels": 3}}},
    "a wrong value of an entry": {"encoder": {"0": {"type": "conv", "channels": 0}}},
    "a misspelt layer": {"encoder": {"0": {"type": "cnv"}}},
    "an entry that is half said": {"encoder": {"append": [{"type": "linear"}]}},
    "a list with an entry that is half said": {"encoder": [{"type": "linear"}]},
    "an entry that repeats": {"encoder": {"0": {"type": "linear", "each": {"features": [1, 2]}}}},
    "one entry more that repeats": {"encoder": {"append": {"type": "linear", "each": {"features": [1, 2]}}}},
    "an entry by a name": {"encoder": {"stem": {"channels": 3}}},
    "an entry by a position from the end": {"encoder": {"-1": {"channels": 3}}},
    "what goes, by a number": {"unset": 0},
    "a misspelt slot": {"encodr": []},
}


@pytest.mark.parametrize("case", WRONG_OVER)
def test_a_spec_over_another_may_not_say(case: str) -> None:
    with pytest.raises(SpecError):
        read({"extends": "convolutional-digits", **WRONG_OVER[case]})
    assert refused({"extends": "convolutional-digits", **WRONG_OVER[case]}) is True


@pytest.mark.parametrize(
    ("said", "place", "words"),
    [
        ({"encoder": [{"type": "linear", "features": 3, "act": "relu"}]}, "$.encoder[0]", "'act' was unexpected"),
        ({"latent": {"type": "gausian", "dim": 2}}, "$.latent.type", "'gausian' is not one of"),
        ({"latent": {"type": "gaussian"}}, "$.latent", "'dim' is a required property"),
        ({"encoder": [{"type": "linear"}]}, "$.encoder[0]", "'features' is a required property"),
        ({"likelihood": "bernouli"}, "$.likelihood", "'bernouli' is not one of"),
        ({"regularizers": {"kl": {"wieght": 1}}}, "$.regularizers.kl", "'wieght' was unexpected"),
        ({"training": {"epochs": 0}}, "$.training.epochs", "0 is less than the minimum of 1"),
        ({"input": [1, 0]}, "$.input[1]", "0 is less than the minimum of 1"),
    ],
)
def test_each_fault_is_said_where_it_is(said: Document, place: str, words: str) -> None:
    messages = REFUSALS({**SPEC, **said})
    assert messages
    assert {each.partition(": ")[0] for each in messages} == {place}
    assert all(words in each for each in messages)


# --- all that can be drawn ------------------------------------------------------------------------------------------


@settings(GENERATED, max_examples=50)
@given(specs(BOX))
def test_every_spec_that_can_be_drawn_is_valid(document: Document) -> None:
    assert refused(document) is False


@settings(GENERATED, max_examples=60)
@given(mutated(specs(BOX)))
def test_a_damaged_spec_is_refused_as_aezoo_refuses_it(document: Document) -> None:
    codes = faults(document)
    if any(code.startswith("AZ1") for code in codes) or repr(document.get("aezoo", 1)) != "1":
        return  # what no file can hold, and other formats
    if not codes:
        assert refused(document) is False
    elif codes & {"AZ203", "AZ204", "AZ301"} or (codes & {"AZ202"} and not document.keys() & {"extends", "variants"}):
        assert refused(document) is True


def faults(document: Document) -> set[str]:
    try:
        read(document)
    except SpecError as error:
        return {fault.code for fault in error.faults if fault.level == "error"}
    return set()


@settings(GENERATED, max_examples=50)
@given(specs(BOX), st.randoms(use_true_random=False))
def test_any_part_of_a_spec_may_stand_over_another(document: Document, dice: Any) -> None:
    assert refused({"extends": "base", **pruned(document, dice)}) is False


def pruned(table: Document, dice: Any) -> Document:
    """Some keys of a table, and for lists of tables some entries by their positions."""
    kept = {key: value for key, value in table.items() if key != "each" and dice.random() < 0.6}
    return {key: _pruned(value, dice) for key, value in kept.items() if key not in ("extends", "variants")}


def _pruned(value: Any, dice: Any) -> Any:
    if isinstance(value, dict):
        return pruned(value, dice)
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value) and dice.random() < 0.7:
        return {str(i): pruned(item, dice) for i, item in enumerate(value)}
    return deepcopy(value)


# --- plugins --------------------------------------------------------------------------------------------------------


class Colour(Enum):
    """A choice as Python writes it."""

    RED = "red"


class Grid(Frozen):
    """A table with a table of its own kind in it."""

    rows: int = Field(ge=1)
    inner: Grid | None = None


class Spline(LayerSpec):
    """A sum of splines."""

    type: Literal["spline"] = "spline"
    knots: int = Field(ge=2, description="of each edge")
    colour: Colour | None = None
    grid: Grid | None = None
    grids: Annotated[tuple[Grid, ...], BeforeValidator(as_tuple)] = ()
    inner: LayerSpec | None = None
    same: ConvSpec | None = None
    pair: Annotated[tuple[int, str], BeforeValidator(as_tuple)] | None = None
    weights: dict[str, float] = Field(default_factory=dict)
    anything: Any = None


class Blend(RegularizerSpec):
    """Several penalties as one."""

    type: Literal["blend"] = "blend"
    terms: Annotated[tuple[RegularizerSpec, ...], BeforeValidator(as_tuple)] = ()


@pytest.fixture(scope="module")
def plugged() -> Refusals:
    """The built-in parts and a plugin's."""
    registry = built_in()
    registry.add([Spline, Blend], variants={"smooth": {}}, namespace="kan")
    return refusals_of(registry)


SPLINE = {"type": "kan:spline", "knots": 4}


@pytest.mark.parametrize(
    "said",
    [
        {"encoder": [SPLINE]},
        {"encoder": [{"type": "kan:spline", "each": {"knots": [2, 3]}}]},
        {"encoder": [{**SPLINE, "colour": "red", "weights": {"a": 1}, "anything": [{"x": 1}]}]},
        {"encoder": [{**SPLINE, "grid": {"rows": 1, "inner": {"rows": 2}}, "grids": [{"rows": 3}]}]},
        {"encoder": [{**SPLINE, "inner": {"type": "linear", "features": 3}, "pair": [1, "a"]}]},
        {"encoder": [{**SPLINE, "same": {"type": "conv", "channels": 3}}, {**SPLINE, "same": {"channels": 3}}]},
        {"encoder": [{"type": "residual", "body": [SPLINE]}]},
        {"regularizers": {"a": {"type": "kan:blend", "terms": [{"type": "l1", "each": {"weight": [1, 2]}}, "l2"]}}},
    ],
)
def test_a_plugins_parts_are_parts_like_any_other(plugged: Refusals, said: Document) -> None:
    assert plugged({**SPEC, **said}) == []


@pytest.mark.parametrize(
    "said",
    [
        {"encoder": [{"type": "kan:spline"}]},
        {"encoder": [{"type": "spline", "knots": 4}]},
        {"encoder": [{**SPLINE, "knots": 1}]},
        {"encoder": [{**SPLINE, "colour": "blue"}]},
        {"encoder": [{**SPLINE, "grid": {"rows": 1, "inner": {"rows": 0}}}]},
        {"encoder": [{**SPLINE, "grid": {"rows": 1, "inner": {}}}]},
        {"encoder": [{**SPLINE, "grids": [{}]}]},
        {"encoder": [{**SPLINE, "inner": {"type": "linear"}}]},
        {"encoder": [{**SPLINE, "inner": {"type": "flatten", "each": {"type": ["flatten"]}}}]},
        {"encoder": [{**SPLINE, "same": {"kernel": 3}}]},
        {"encoder": [{**SPLINE, "pair": ["a", 1]}]},
        {"encoder": [{**SPLINE, "weights": {"a": "b"}}]},
        {"regularizers": {"a": {"type": "kan:blend", "terms": [{"type": "l3"}]}}},
        {"regularizers": {"a": {"type": "l1", "each": {"weight": [1, 2]}}}},
    ],
)
def test_a_plugins_parts_are_checked_like_any_other(plugged: Refusals, said: Document) -> None:
    assert plugged({**SPEC, **said})


def test_a_plugins_part_says_whose_it_is() -> None:
    registry = built_in()
    registry.add([Spline], variants={"smooth": {}}, namespace="kan")
    document = schema(registry.parts(), variants=registry.variants())
    assert document["definitions"]["layer.kan:spline"]["x-provider"] == "kan"
    assert "kan:spline" in document["definitions"]["type.layer"]["enum"]
    assert "kan:smooth" in json.dumps(document["properties"]["variants"])


class Only(LatentSpec):
    """A latent."""

    type: Literal["only"] = "only"


class Loud(CorruptionSpec):
    """Noise."""

    type: Literal["loud"] = "loud"


def test_kinds_without_a_part_take_nothing() -> None:
    registry = Registry()
    parts: list[type[Component]] = [Only, Loud]
    registry.add(parts)
    refusals = refusals_of(registry)
    spec: Document = {"name": "a", "input": [3], "latent": {"type": "only", "dim": 2}}
    assert refusals(spec) == []
    assert refusals({**spec, "corruption": ["loud"], "variants": []}) == []
    assert refusals({**spec, "encoder": ["flatten"]})
    assert refusals({**spec, "likelihood": {}})
