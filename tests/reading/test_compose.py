"""How specs are put together: merge rules, edits of lists, `unset`, variants, `each`, `--set`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from aezoo.errors import Fault
from aezoo.reading.compose import Composer
from aezoo.reading.provenance import Source, node_of, plain
from aezoo.spec.limits import Limits

Table = dict[str, Any]


def composed(
    own: Mapping[str, Any],
    *bases: Mapping[str, Any],
    variants: Mapping[str, Mapping[str, Any]] | None = None,
    sets: Sequence[str] = (),
) -> tuple[Any, list[Fault]]:
    """The spec that these make, and what could not be done."""
    faults: list[Fault] = []
    composer = Composer(faults, Limits())
    fragments = {name: node_of(table, Source(f"variant {name!r}")) for name, table in (variants or {}).items()}
    below = [composer.compose(node_of(base, Source()), [], {}) for base in bases]
    tree = composer.finish(composer.compose(node_of(own, Source()), below, fragments), sets)
    return plain(tree), faults


def put(own: Mapping[str, Any], *bases: Mapping[str, Any], **more: Any) -> Any:
    """The same, where nothing is wrong."""
    table, faults = composed(own, *bases, **more)
    assert not faults
    return table


def refused(own: Mapping[str, Any], *bases: Mapping[str, Any], **more: Any) -> list[str]:
    return [str(fault) for fault in composed(own, *bases, **more)[1]]


# --- merging ------------------------------------------------------------------------------------------------


def test_tables_merge_and_lists_are_replaced_whole() -> None:
    below = {"a": {"x": 1, "y": 2}, "rows": [1, 2]}
    assert put({"a": {"y": 3}, "rows": [4]}, below) == {"a": {"x": 1, "y": 3}, "rows": [4]}


def test_a_component_is_replaced_whole_when_its_type_changes() -> None:
    below = {"latent": {"type": "deterministic", "dim": 8, "activation": "relu"}}
    assert put({"latent": {"type": "gaussian", "dim": 4}}, below) == {"latent": {"type": "gaussian", "dim": 4}}
    assert put({"latent": {"dim": 4}}, below)["latent"]["activation"] == "relu"


def test_a_bare_name_replaces_a_component_table() -> None:
    below = {"likelihood": {"type": "gaussian", "variance": "fixed"}}
    assert put({"likelihood": "bernoulli"}, below) == {"likelihood": {"type": "bernoulli"}}


def test_a_shape_in_short_over_a_written_out_input_keeps_the_rest() -> None:
    assert put({"input": [3, 8, 8]}, {"input": {"shape": [1, 8, 8], "range": [0, 2]}}) == {
        "input": {"shape": [3, 8, 8], "range": [0, 2]}
    }


def test_own_keys_stand_over_variants_and_variants_over_bases() -> None:
    table = put(
        {"name": "own", "latent": {"dim": 3}},
        {"name": "base", "license": "mit", "latent": {"type": "gaussian", "dim": 1}},
        variants={"v": {"license": "apache-2.0", "latent": {"dim": 2}}},
    )
    assert table == {"name": "own", "license": "apache-2.0", "latent": {"type": "gaussian", "dim": 3}}


def test_a_penalty_that_changes_its_implied_type_is_replaced_whole() -> None:
    below = {"regularizers": {"kl": {"weight": 4.0}}}
    assert put({"regularizers": {"kl": {"type": "l1"}}}, below) == {"regularizers": {"kl": {"type": "l1"}}}
    assert put({"regularizers": {"kl": {"free_bits": 0.1}}}, below)["regularizers"]["kl"]["weight"] == 4.0


def test_settings_of_a_slot_with_a_default_need_not_name_it() -> None:
    assert put({"likelihood": {"output": "sigmoid"}}) == {"likelihood": {"type": "mse", "output": "sigmoid"}}
    assert put({"training": {"optimizer": {"lr": 0.1}}})["training"]["optimizer"] == {"type": "adam", "lr": 0.1}
    below = {"likelihood": "bernoulli"}
    assert put({"likelihood": {"output": "x"}}, below) == {"likelihood": {"type": "bernoulli", "output": "x"}}


# --- edits of lists -----------------------------------------------------------------------------------------

LAYERS: Table = {
    "encoder": [
        {"type": "conv", "channels": 8},
        {"type": "conv", "each": {"channels": [16, 32]}},
        {"type": "flatten"},
    ]
}


@pytest.mark.parametrize(
    ("edit", "channels"),
    [
        ({"0": {"channels": 9}}, [9, 16, 32, None]),
        ({"2": {"channels": 9}, "1": {"channels": 3}}, [8, 3, 9, None]),
        ({"append": [{"type": "linear"}]}, [8, 16, 32, None, None]),
        ({"prepend": {"type": "conv", "channels": 4}, "0": {"channels": 9}}, [4, 9, 16, 32, None]),
    ],
)
def test_a_table_over_a_list_edits_its_entries(edit: Table, channels: list[int | None]) -> None:
    table = put({"encoder": edit}, LAYERS)
    assert [layer.get("channels") for layer in table["encoder"]] == channels


def test_an_edit_that_changes_the_type_replaces_the_entry_whole() -> None:
    assert put({"encoder": {"0": "flatten"}}, LAYERS)["encoder"][0] == {"type": "flatten"}
    assert put({"encoder": {"2": {"type": "linear", "features": 3}}}, LAYERS)["encoder"][2] == {
        "type": "linear",
        "features": 3,
    }


def test_a_bare_name_in_a_list_can_be_given_settings() -> None:
    table = put({"corruption": {"0": {"p": 0.5}}}, {"corruption": ["mask"]})
    assert table == {"corruption": [{"type": "mask", "p": 0.5}]}


def test_the_layers_of_a_decoder_are_reached_with_and_without_their_key() -> None:
    below = {"decoder": [{"type": "linear", "features": 3}]}
    for edit in ({"0": {"features": 4}}, {"layers": {"0": {"features": 4}}}):
        assert put({"decoder": edit}, below)["decoder"]["layers"] == [{"type": "linear", "features": 4}]


def test_an_edit_of_an_edit_means_the_list_as_it_came_out() -> None:
    faults: list[Fault] = []
    composer = Composer(faults, Limits())
    tree = composer.compose(node_of(LAYERS, Source()), [], {})
    tree = composer.compose(node_of({"encoder": {"prepend": "flatten"}}, Source()), [tree], {})
    tree = composer.finish(composer.compose(node_of({"encoder": {"1": {"channels": 5}}}, Source()), [tree], {}))
    assert plain(tree)["encoder"][1]["channels"] == 5
    assert not faults


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"4": {}}, "no entry '4' (there are positions 0 to 3)"),
        ({"-1": {}}, "no entry '-1' (there are positions 0 to 3)"),
        ({"body": {"channels": 3}}, "no entry 'body' (there are positions 0 to 3)"),
    ],
)
def test_an_edit_of_an_entry_that_is_not_there_is_refused(edit: Table, message: str) -> None:
    (fault,) = refused({"encoder": edit}, LAYERS)
    assert "AZ207" in fault
    assert message in fault


# --- unset --------------------------------------------------------------------------------------------------


def test_unset_takes_keys_out_of_what_is_below() -> None:
    below = {**LAYERS, "regularizers": {"kl": {"weight": 1.0}, "l2": {}}}
    assert put({"unset": ["regularizers.kl"]}, below)["regularizers"] == {"l2": {}}
    assert put({"unset": ["regularizers.kl.weight", "encoder"]}, below) == {"regularizers": {"kl": {}, "l2": {}}}


def test_what_is_unset_can_be_said_anew() -> None:
    below = {"regularizers": {"kl": {"weight": 1.0, "free_bits": 0.5}}}
    table = put({"unset": ["regularizers.kl"], "regularizers": {"kl": {"weight": 2.0}}}, below)
    assert table == {"regularizers": {"kl": {"weight": 2.0}}}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("regularizers.k", "did you mean 'kl'?"),
        ("encoder.0", "say the list anew: unset takes out keys, not entries"),
        ("regularizers.kl.weight", "there are: no keys"),
        ("name.x", "there are: no keys"),
    ],
)
def test_unset_of_what_is_not_there_is_refused_with_what_is(path: str, message: str) -> None:
    (fault,) = refused({"unset": [path]}, {**LAYERS, "name": "t", "regularizers": {"kl": {}}})
    assert "AZ208" in fault
    assert message in fault


@pytest.mark.parametrize("unset", ["encoder..x", [1], {"a": 1}, 3])
def test_unset_that_is_no_list_of_paths_is_refused(unset: object) -> None:
    assert "AZ206" in refused({"unset": unset})[0]


# --- variants -----------------------------------------------------------------------------------------------


def test_two_variants_that_disagree_are_both_named() -> None:
    fragments = {"a": {"latent": {"dim": 1}}, "b": {"latent": {"dim": 2}}}
    (fault,) = refused({}, variants=fragments)
    assert "AZ504" in fault
    assert "variants 'a' and 'b' disagree about latent.dim: 1 or 2" in fault
    assert put({"latent": {"dim": 5}}, variants=fragments) == {"latent": {"dim": 5}}


def test_a_variant_that_names_what_another_writes_out_disagrees_with_it() -> None:
    fragments = {"a": {"latent": {"type": "gaussian", "dim": 1}}, "b": {"latent": "topk"}}
    assert "variants 'a' and 'b' disagree" in refused({}, variants=fragments)[0]


# --- each ---------------------------------------------------------------------------------------------------


def test_each_writes_a_layer_out_once_for_every_value() -> None:
    table = put({"encoder": [{"type": "conv", "kernel": 3, "each": {"channels": [8, 16], "stride": [1, 2]}}]})
    assert table["encoder"] == [
        {"type": "conv", "kernel": 3, "channels": 8, "stride": 1},
        {"type": "conv", "kernel": 3, "channels": 16, "stride": 2},
    ]


@pytest.mark.parametrize("each", [{}, {"channels": 8}, {"channels": []}, {"channels": [1, 2], "stride": [1]}])
def test_each_that_is_no_set_of_equal_lists_is_refused_in_place(each: object) -> None:
    (fault,) = refused({"encoder": [{"type": "conv", "each": each}]})
    assert fault.startswith("error[AZ204]: encoder[0].each: takes lists")


def test_repeats_that_multiply_are_counted_over_the_whole_spec() -> None:
    row: Table = {"type": "conv", "channels": 1}
    for _ in range(4):
        row = {"type": "residual", "body": [row], "each": {"scale": [1.0] * 400}}
    (fault,) = refused({"encoder": [row]})
    assert "AZ605" in fault


# --- set ----------------------------------------------------------------------------------------------------


def test_set_reaches_into_tables_lists_and_bare_components() -> None:
    table = put(
        {"encoder": [{"type": "conv", "channels": 8}], "likelihood": "gaussian"},
        sets=["encoder.0.channels=64", "likelihood.variance=fixed", "training.optimizer.lr=0.01"],
    )
    assert table["encoder"] == [{"type": "conv", "channels": 64}]
    assert table["likelihood"] == {"type": "gaussian", "variance": "fixed"}
    assert table["training"] == {"optimizer": {"type": "adam", "lr": 0.01}}


def test_set_splits_at_the_first_equals_sign_only() -> None:
    assert put({}, sets=["description=a=b"]) == {"description": "a=b"}


@pytest.mark.parametrize(
    ("override", "code"),
    [
        ("", "AZ205"),
        ("latent.dim", "AZ205"),
        ("=3", "AZ205"),
        ("a..b=3", "AZ205"),
        ("encoder.7.channels=1", "AZ207"),
        ("encoder.x.channels=1", "AZ207"),
    ],
)
def test_set_that_leads_nowhere_is_refused_and_the_flag_is_named(override: str, code: str) -> None:
    _, (fault,) = composed({"name": "x", "encoder": [{"type": "conv"}]}, sets=[override])
    assert fault.code == code
    assert fault.where is not None
    assert fault.where.file == f"--set {override}"


def test_copies_of_each_share_no_table_so_that_one_can_be_set() -> None:
    row = {"type": "residual", "body": [{"type": "conv", "channels": 4}], "each": {"scale": [0.5, 1.0]}}
    table = put({"encoder": [row]}, sets=["encoder.0.body.0.kernel=5"])
    assert [block["body"][0].get("kernel") for block in table["encoder"]] == [5, None]


def test_set_takes_the_paths_that_messages_write() -> None:
    table = put({"encoder": [{"type": "flatten"}, {"type": "linear"}]}, sets=["encoder[1].features=16"])
    assert table["encoder"][1] == {"type": "linear", "features": 16}


def test_set_reaches_into_an_input_that_is_written_in_short() -> None:
    table = put({"input": [1, 8, 8]}, sets=["input.1=9", "input.range=[0, 2]"])
    assert table == {"input": {"shape": [1, 9, 8], "range": [0, 2]}}


def test_set_takes_positions_and_appends() -> None:
    table = put({**LAYERS}, sets=["encoder.1.norm=batch", "encoder[2].norm=batch", 'encoder.append={type="linear"}'])
    assert [layer.get("norm") for layer in table["encoder"]] == [None, "batch", "batch", None, None]


# --- what is said of a model of other data ------------------------------------------------------------------

DIGITS = {"description": "of digits", "license": "mit", "paper": "arXiv:1", "data": "digits"}
OTHER = {"type": "arrays", "path": "x.npy"}


def statements(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: table[key] for key in ("description", "license", "paper") if key in table}


ALL = statements(DIGITS)


def test_statements_are_inherited_with_the_data_they_are_about() -> None:
    for own in ({}, {"data": "digits"}, {"data": {"type": "digits"}}, {"data": {"test": 0.2, "limit": 100}}):
        assert statements(put({"latent": {"dim": 3}, **own}, DIGITS)) == ALL


def test_statements_about_other_data_are_not_inherited() -> None:
    assert statements(put({"data": OTHER}, DIGITS)) == {}
    assert statements(put({"data": {"path": "y.npy"}}, {**DIGITS, "data": OTHER})) == {}
    assert statements(put({"unset": ["data"]}, DIGITS)) == {}
    assert statements(put({}, DIGITS, {"data": OTHER})) == {}
    assert statements(put({}, DIGITS, variants={"mine": {"data": OTHER}})) == {}
    assert statements(put({}, DIGITS, sets=["data.path=x.npy", "data.type=arrays"])) == {}
    assert statements(put(DIGITS, sets=['data={type = "arrays", path = "x.npy"}'])) == {}


def test_statements_beside_the_data_or_above_them_stay() -> None:
    assert statements(put({"data": OTHER, "license": "cc0-1.0"}, DIGITS)) == {"license": "cc0-1.0"}
    assert statements(put({}, DIGITS, {"data": OTHER, "paper": "mine"})) == {"paper": "mine"}
    assert statements(put(DIGITS, sets=["license=cc0-1.0", "data=sprites"])) == {"license": "cc0-1.0"}


def test_statements_of_a_base_that_names_no_data_hold_for_any() -> None:
    house = statements(DIGITS)
    assert statements(put({"data": OTHER}, house)) == ALL
    assert statements(put({"data": OTHER}, DIGITS, {"license": "ours"})) == {"license": "ours"}


def test_statements_are_dropped_along_a_chain_of_bases() -> None:
    faults: list[Fault] = []
    composer = Composer(faults, Limits())
    tree = composer.compose(node_of(DIGITS, Source()), [], {})
    tree = composer.compose(node_of({"description": "smaller"}, Source()), [tree], {})
    assert statements(plain(composer.finish(tree))) == {**ALL, "description": "smaller"}
    tree = composer.compose(node_of({"data": OTHER, "paper": "mine"}, Source()), [tree], {})
    tree = composer.compose(node_of({"latent": {"dim": 3}}, Source()), [tree], {})
    assert statements(plain(composer.finish(tree))) == {"paper": "mine"}
