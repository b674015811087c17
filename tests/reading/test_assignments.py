"""`--set` values of one call: a type goes before the settings of its component, in whatever order they are typed."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from aezoo.reading.assignments import parse_assignment
from aezoo.reading.compose import Composer
from aezoo.reading.provenance import Source, node_of, plain
from aezoo.spec.limits import Limits

BASE: dict[str, Any] = {
    "data": {"type": "digits", "limit": 5},
    "latent": {"type": "topk", "dim": 64, "k": 4},
    "encoder": [{"type": "residual", "body": [{"type": "conv", "channels": 8}]}, {"type": "linear", "features": 3}],
    "regularizers": {"kl": {"weight": 1.0}},
    "training": {"optimizer": {"type": "adam", "eps": 1e-8}},
}


def applied(*sets: str) -> Any:
    faults: list[Any] = []
    composer = Composer(faults, Limits())
    table = plain(composer.finish(composer.compose(node_of(BASE, Source()), [], {}), sets))
    assert not faults
    return table


@pytest.mark.parametrize(
    ("key", "sets", "result"),
    [
        (
            "data",
            ["data.type=arrays", "data.path=x.npz", "data.key=x"],
            {"type": "arrays", "path": "x.npz", "key": "x"},
        ),
        ("data", ["data=arrays", "data.path=x.npy"], {"type": "arrays", "path": "x.npy"}),
        (
            "data",
            ['data={type = "table", label = "y"}', "data.path=x.csv"],
            {"type": "table", "label": "y", "path": "x.csv"},
        ),
        ("latent", ["latent.type=gaussian", "latent.dim=8"], {"type": "gaussian", "dim": 8}),
        ("regularizers", ["regularizers.kl.type=l1", "regularizers.kl.weight=2"], {"kl": {"type": "l1", "weight": 2}}),
        ("training", ["training.optimizer=sgd", "training.optimizer.lr=2"], {"optimizer": {"type": "sgd", "lr": 2}}),
    ],
)
def test_the_order_of_a_type_and_its_settings_does_not_matter(key: str, sets: list[str], result: Any) -> None:
    for order in permutations(sets):
        assert applied(*order)[key] == result, order


def test_types_of_layers_and_of_layers_within_them_go_first_too() -> None:
    assert applied("encoder.1.channels=9", "encoder.1.type=conv")["encoder"][1] == {"type": "conv", "channels": 9}
    assert applied("encoder.1.channels=9", "encoder.1=conv")["encoder"][1] == {"type": "conv", "channels": 9}
    inner = applied("encoder.0.body.0.size=2", "encoder.0.body.0.type=pool")["encoder"][0]["body"]
    assert inner == [{"type": "pool", "size": 2}]


def test_what_is_said_last_of_one_value_still_holds() -> None:
    assert applied("latent.dim=1", "latent.dim=2")["latent"]["dim"] == 2
    assert applied("latent.type=a", "latent.type=b")["latent"] == {"type": "b"}
    assert applied("data.path=x", 'data={type = "arrays", path = "y"}')["data"] == {"type": "arrays", "path": "y"}
    assert applied("encoder.0.channels=1", 'encoder=["flatten"]')["encoder"] == ["flatten"]


def test_positions_mean_the_entries_that_they_meant_when_they_were_typed() -> None:
    sets = ['encoder.prepend={type = "flatten"}', "encoder.0.x=1", "encoder.0.type=reshape"]
    assert [layer["type"] for layer in applied(*sets)["encoder"]] == ["reshape", "residual", "linear"]
    twice = applied('encoder.append={type = "a"}', 'encoder.append={type = "b"}')["encoder"]
    assert [layer["type"] for layer in twice[2:]] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "steps", "value"),
    [
        ("latent.dim=8", ("latent", "dim"), 8),
        (" encoder[1].channels = [1, 2]", ("encoder", "1", "channels"), [1, 2]),
        ("data.path=a=b", ("data", "path"), "a=b"),
    ],
)
def test_an_assignment_is_a_path_up_to_the_first_equals_sign_and_a_value(
    text: str, steps: tuple[str, ...], value: Any
) -> None:
    assignment = parse_assignment(text, Source("--set"))
    assert assignment is not None
    assert (assignment.steps, plain(assignment.value)) == (steps, value)


@pytest.mark.parametrize("text", ["latent.dim", "=8", "latent..dim=8", ".dim=8"])
def test_a_text_without_a_whole_path_is_no_assignment(text: str) -> None:
    assert parse_assignment(text, Source("--set")) is None
