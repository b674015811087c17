"""How specs are put together: merge rules, variants, `each`, `--set`."""

from __future__ import annotations

import pytest

from aezoo.errors import SpecError
from aezoo.spec.compose import agree, assign, compose, merge, unroll


def test_tables_merge_and_lists_are_replaced_whole() -> None:
    below = {"a": {"x": 1, "y": 2}, "rows": [1, 2]}
    assert merge(below, {"a": {"y": 3}, "rows": [4]}) == {"a": {"x": 1, "y": 3}, "rows": [4]}


def test_a_component_is_replaced_whole_when_its_type_changes() -> None:
    below = {"latent": {"type": "deterministic", "dim": 8, "activation": "relu"}}
    assert merge(below, {"latent": {"type": "gaussian", "dim": 4}}) == {"latent": {"type": "gaussian", "dim": 4}}
    assert merge(below, {"latent": {"dim": 4}})["latent"]["activation"] == "relu"


def test_a_bare_name_replaces_a_component_table() -> None:
    below = {"likelihood": {"type": "gaussian", "variance": "fixed"}}
    assert merge(below, {"likelihood": "bernoulli"}) == {"likelihood": {"type": "bernoulli"}}


def test_merging_changes_neither_side() -> None:
    below, above = {"a": {"x": 1}}, {"a": {"y": 2}}
    merge(below, above)
    assert (below, above) == ({"a": {"x": 1}}, {"a": {"y": 2}})


def test_own_keys_stand_over_variants_and_variants_over_bases() -> None:
    table = compose(
        {"name": "own", "latent": {"dim": 3}},
        [{"name": "base", "license": "mit", "latent": {"type": "gaussian", "dim": 1}}],
        {"v": {"license": "apache-2.0", "latent": {"dim": 2}}},
    )
    assert table == {"name": "own", "license": "apache-2.0", "latent": {"type": "gaussian", "dim": 3}}


def test_two_variants_that_disagree_are_both_named() -> None:
    fragments = {"a": {"latent": {"dim": 1}}, "b": {"latent": {"dim": 2}}}
    with pytest.raises(SpecError, match=r"latent\.dim: variants 'a' and 'b' disagree: 1 or 2"):
        agree(fragments, settled={})
    assert agree(fragments, settled={"latent": {"dim": 5}})


def test_each_writes_a_layer_out_once_for_every_value() -> None:
    rows = unroll([{"type": "conv", "kernel": 3, "each": {"channels": [8, 16], "stride": [1, 2]}}])
    assert rows == [
        {"type": "conv", "kernel": 3, "channels": 8, "stride": 1},
        {"type": "conv", "kernel": 3, "channels": 16, "stride": 2},
    ]


@pytest.mark.parametrize("each", [{}, {"channels": 8}, {"channels": []}, {"channels": [1, 2], "stride": [1]}])
def test_each_that_is_no_set_of_equal_lists_is_refused_in_place(each: object) -> None:
    with pytest.raises(SpecError, match=r"AZ204.*encoder\[0\]\.each"):
        unroll({"encoder": [{"type": "conv", "each": each}]})


def test_set_reaches_into_tables_lists_and_bare_components() -> None:
    table = {"encoder": [{"type": "conv", "channels": 8}], "likelihood": "gaussian"}
    assign(table, "encoder.0.channels=64")
    assign(table, "likelihood.variance=fixed")
    assign(table, "training.optimizer.lr=0.01")
    assert table["encoder"] == [{"type": "conv", "channels": 64}]
    assert table["likelihood"] == {"type": "gaussian", "variance": "fixed"}
    assert table["training"] == {"optimizer": {"type": "adam", "lr": 0.01}}


def test_set_splits_at_the_first_equals_sign_only() -> None:
    table: dict[str, object] = {}
    assign(table, "description=a=b")
    assert table == {"description": "a=b"}


@pytest.mark.parametrize(
    "override", ["", "latent.dim", "=3", "encoder.7.channels=1", "encoder.x.channels=1", "name.a=1"]
)
def test_set_that_leads_nowhere_is_refused(override: str) -> None:
    with pytest.raises(SpecError, match="AZ205"):
        assign({"name": "x", "encoder": [{"type": "conv"}]}, override)


def test_copies_of_each_share_no_table_so_that_one_can_be_set() -> None:
    row = {"type": "residual", "body": [{"type": "conv", "channels": 4}], "each": {"scale": [0.5, 1.0]}}
    table = compose({"encoder": [row]}, [], {}, ["encoder.0.body.0.kernel=5"])
    assert [block["body"][0].get("kernel") for block in table["encoder"]] == [5, None]


def test_a_penalty_that_changes_its_implied_type_is_replaced_whole() -> None:
    below = {"regularizers": {"kl": {"weight": 4.0}}}
    assert merge(below, {"regularizers": {"kl": {"type": "l1"}}}) == {"regularizers": {"kl": {"type": "l1"}}}
    assert merge(below, {"regularizers": {"kl": {"free_bits": 0.1}}})["regularizers"]["kl"]["weight"] == 4.0


def test_a_variant_that_names_what_another_writes_out_disagrees_with_it() -> None:
    fragments = {"a": {"latent": {"type": "gaussian", "dim": 1}}, "b": {"latent": "topk"}}
    with pytest.raises(SpecError, match="variants 'a' and 'b' disagree"):
        agree(fragments, settled={})


def test_set_takes_the_paths_that_messages_write() -> None:
    table = {"encoder": [{"type": "flatten"}, {"type": "linear"}]}
    assign(table, "encoder[1].features=16")
    assert table["encoder"][1] == {"type": "linear", "features": 16}


def test_set_reaches_into_an_input_that_is_written_in_short() -> None:
    table = {"input": [1, 8, 8]}
    assign(table, "input.1=9")
    assign(table, "input.range=[0, 2]")
    assert table == {"input": {"shape": [1, 9, 8], "range": [0, 2]}}
