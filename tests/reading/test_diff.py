"""In what two specs differ: the changes found lead from one to the other, and are as few as they can be."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aezoo
from aezoo.errors import KeyPath
from aezoo.reading.alignment import MOST, Pair, pairs
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.diff import Change, differences
from aezoo.spec.document import Spec
from aezoo.spec.fingerprints import ARCHITECTURE, NAMES

VECTORS: dict[str, Any] = {
    "name": "vectors",
    "input": [16],
    "encoder": [{"type": "linear", "features": 12}, {"type": "linear", "features": 8}],
    "latent": {"type": "deterministic", "dim": 2},
}
LAYERS = [{"type": "linear", "features": n} for n in (9, 10, 11)] + [
    {"type": "norm", "norm": "layer"},
    {"type": "dropout", "p": 0.1},
    {"type": "activation", "activation": "tanh"},
]
SPECS = {name: aezoo.read(name) for name in bundled_specs()}


def between(first: dict[str, Any], second: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    """Changes between variations of `VECTORS`, with paths as `--set` takes them."""
    found = differences(aezoo.read({**VECTORS, **first}), aezoo.read({**VECTORS, **second}))
    return [(c.kind, ".".join(map(str, c.path)), c.before, c.after) for c in found]


def applied(changes: list[Change], document: dict[str, Any]) -> dict[str, Any]:
    """The document with the changes made: values first, and inner lists first, while old numbers are still true."""
    document = copy.deepcopy(document)
    entries = [change for change in changes if len(change.paths.first) != len(change.paths.second)]
    for change in changes:
        if change not in entries:
            put(at(document, change.paths.first[:-1]), change.paths.first[-1], change.after)
    for place in sorted({shorter(change) for change in entries}, key=len, reverse=True):
        here = [change for change in entries if shorter(change) == place]
        for change in reversed([change for change in here if change.kind == "removed"]):
            del at(document, place)[change.path[-1]]
        for change in [change for change in here if change.kind == "added"]:
            at(document, place).insert(change.path[-1], change.after)
    return document


def shorter(change: Change) -> KeyPath:
    """The list, in the first spec, that gains or loses an entry."""
    return change.paths.first if change.kind == "added" else change.paths.first[:-1]


def put(table: Any, key: Any, value: Any) -> None:
    if value is None:
        del table[key]
    else:
        table[key] = value


def at(document: Any, path: KeyPath) -> Any:
    for step in path:
        # A table that a spec has nothing in is not written.
        document = document.setdefault(step, {}) if isinstance(document, dict) else document[step]
    return document


# --- known answers ------------------------------------------------------------------------------------------


def test_a_value_is_told_by_its_path() -> None:
    assert between({}, {"latent": {"type": "deterministic", "dim": 4}}) == [("changed", "latent.dim", 2, 4)]


def test_another_spelling_is_no_difference() -> None:
    spelt = {
        "input": {"shape": [16], "kind": "vector"},
        "encoder": [{"type": "linear", "each": {"features": [12, 8]}, "activation": "relu"}],
        "latent": {"dim": 2, "type": "deterministic", "layout": "flat"},
        "decoder": {"type": "mirror", "tied": False},
        "regularizers": {},
        "training": {"optimizer": "adam", "batch_size": 128},
    }
    assert between({}, spelt) == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_inserted_layer_is_one_addition(place: int) -> None:
    encoder = list(VECTORS["encoder"])
    encoder.insert(place, {"type": "dropout", "p": 0.1})
    assert between({}, {"encoder": encoder}) == [("added", f"encoder.{place}", None, {"type": "dropout", "p": 0.1})]
    assert between({"encoder": encoder}, {}) == [("removed", f"encoder.{place}", {"type": "dropout", "p": 0.1}, None)]


def test_a_change_behind_an_inserted_layer_says_where_it_was() -> None:
    encoder = [{"type": "norm", "norm": "layer"}, {"type": "linear", "features": 12}, {"type": "linear", "features": 6}]
    first, second = aezoo.read(VECTORS), aezoo.read({**VECTORS, "encoder": encoder})
    added, changed = differences(first, second)
    assert (added.kind, added.path) == ("added", ("encoder", 0))
    assert (changed.paths.first, changed.path) == (("encoder", 1, "features"), ("encoder", 2, "features"))


def test_a_part_of_another_type_is_one_replacement() -> None:
    latent = {"type": "topk", "dim": 4, "k": 1}
    before = {"type": "deterministic", "dim": 2}
    assert between({}, {"latent": latent}) == [("changed", "latent", before, latent)]
    assert between({}, {"encoder": [LAYERS[4], VECTORS["encoder"][1]]}) == [
        ("changed", "encoder.0", VECTORS["encoder"][0], LAYERS[4])
    ]


def test_a_decoder_of_its_own_is_one_replacement() -> None:
    layers = [{"type": "linear", "features": 16, "activation": "identity"}]
    assert between({}, {"decoder": layers}) == [("changed", "decoder", {"type": "mirror"}, layers)]


def test_a_number_that_becomes_a_schedule_is_one_change() -> None:
    schedule = {"type": "linear", "steps": 10}
    first, second = ({"regularizers": {"l2": {"weight": weight}}} for weight in (0.5, schedule))
    assert between(first, second) == [("changed", "regularizers.l2.weight", 0.5, schedule)]
    assert between(first, {"regularizers": {"l2": {"weight": 2.0}}}) == [
        ("changed", "regularizers.l2.weight", 0.5, 2.0)
    ]


def test_named_tables_are_paired_by_name() -> None:
    first = {"regularizers": {"a": {"type": "l2"}, "b": {"type": "l2"}}}
    second = {"regularizers": {"b": {"type": "l2", "weight": 2.0}, "c": {"type": "l2"}}}
    assert between(first, second) == [
        ("removed", "regularizers.a", {"type": "l2"}, None),
        ("changed", "regularizers.b.weight", 1.0, 2.0),
        ("added", "regularizers.c", None, {"type": "l2"}),
    ]


def test_a_key_that_one_spec_leaves_out_is_added_or_removed() -> None:
    assert between({}, {"training": {"clip": 1.0}}) == [("added", "training.clip", None, 1.0)]


def test_layers_within_layers_are_compared_alike() -> None:
    def residual(*features: int) -> dict[str, Any]:
        body = [{"type": "linear", "features": n} for n in features]
        return {"encoder": [{"type": "residual", "body": body}]}

    assert between(residual(5, 16), residual(5, 7, 16)) == [
        ("added", "encoder.0.body.1", None, {"type": "linear", "features": 7})
    ]
    assert between(residual(5, 16), residual(6, 16)) == [("changed", "encoder.0.body.0.features", 5, 6)]


def test_names_are_told_apart() -> None:
    (change,) = differences(SPECS["vanilla-digits"], SPECS["vanilla-digits"].model_copy(update={"name": "x"}))
    assert change.names_only


# --- laws ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPECS)
def test_the_changes_lead_from_the_one_spec_to_the_other(name: str) -> None:
    for other in SPECS.values():
        changes = differences(SPECS[name], other)
        assert aezoo.read(applied(changes, SPECS[name].document())) == other


@given(st.lists(st.sampled_from(LAYERS), max_size=6), st.lists(st.sampled_from(LAYERS), max_size=6))
def test_the_changes_lead_from_any_list_of_layers_to_any_other(one: list[Any], two: list[Any]) -> None:
    first, second = (aezoo.read({**VECTORS, "encoder": layers}) for layers in (one, two))
    changes = differences(first, second)
    assert aezoo.read(applied(changes, first.document())) == second


@pytest.mark.parametrize(("first", "second"), [*itertools.product(list(SPECS)[::3], SPECS)])
def test_fingerprints_differ_exactly_where_changes_say_so(first: str, second: str) -> None:
    a, b = SPECS[first], SPECS[second]
    touched = {change.path[0] for change in differences(a, b)}
    assert bool(touched & ARCHITECTURE) == (a.arch != b.arch)
    assert bool(touched - NAMES) == (a.run != b.run)


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(list(SPECS)[::2], 2)])
def test_the_other_way_round_the_same_is_told_the_other_way_round(first: str, second: str) -> None:
    there, back = differences(SPECS[first], SPECS[second]), differences(SPECS[second], SPECS[first])
    flipped = {"added": "removed", "removed": "added", "changed": "changed"}
    assert sorted(c.kind for c in there) == sorted(flipped[c.kind] for c in back)


# --- alignment ----------------------------------------------------------------------------------------------


def near(a: int, b: int) -> float:
    """Close numbers are cheap to change, odd ones never become even."""
    return 1.9 if (a - b) % 2 else min(abs(a - b), 3) / 2


def total(found: list[Pair], first: list[int], second: list[int]) -> float:
    return sum(1 if i is None or j is None else near(first[i], second[j]) for i, j in found)


def cheapest(first: list[int], second: list[int]) -> float:
    """By trying everything."""
    if not first or not second:
        return len(first) + len(second)
    return min(
        cheapest(first[1:], second[1:]) + near(first[0], second[0]),
        cheapest(first[1:], second) + 1,
        cheapest(first, second[1:]) + 1,
    )


@given(st.lists(st.integers(0, 5), max_size=5), st.lists(st.integers(0, 5), max_size=5))
def test_the_pairs_found_cost_least_and_keep_the_order(first: list[int], second: list[int]) -> None:
    found = list(pairs(first, second, near))
    assert [i for i, _ in found if i is not None] == [*range(len(first))]
    assert [j for _, j in found if j is not None] == [*range(len(second))]
    assert total(found, first, second) == pytest.approx(cheapest(first, second))


def test_lists_too_long_for_a_table_are_paired_by_place() -> None:
    n = int(MOST**0.5) + 1
    assert list(pairs([0] * n, [1] * (n + 2), near))[-3:] == [(n - 1, n - 1), (None, n), (None, n + 1)]


def test_long_lists_that_differ_in_one_entry_are_aligned_all_the_same() -> None:
    long = [*range(10_000)]
    found = list(pairs(long, [*long[:5000], -1, *long[5000:]], near))
    assert [pair for pair in found if None in pair] == [(None, 5000)]


def test_specs_compare_by_value_and_not_by_memory() -> None:
    assert differences(SPECS["vdc-digits"], Spec.model_construct(**dict(SPECS["vdc-digits"]))) == []
