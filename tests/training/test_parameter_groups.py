"""Groups of weights: which weight is in which, the rates they get, and that torch moves them the same way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import aezoo
from aezoo.building.builder import objective_of
from aezoo.builtins.optimizers import SGDSpec
from aezoo.errors import SpecError
from aezoo.nn.objective import Objective, Terms
from aezoo.reading.reader import read
from aezoo.spec.document import Spec
from aezoo.spec.kinds import OptimizerSpec, PlayerSpec
from aezoo.spec.kinds.parameter_group import ParameterGroupSpec
from aezoo.testing.stops import faults_of_stops
from aezoo.training.parameter_groups import counted, names_of, refuse_empty
from aezoo.training.step import Player


def spec(groups: list[dict[str, Any]], **optimizer: Any) -> dict[str, Any]:
    return {
        "name": "grouped",
        "input": [6],
        "encoder": [{"type": "linear", "features": 5, "norm": "layer"}],
        "latent": {"type": "gaussian", "dim": 2},
        "likelihood": {"type": "gaussian"},
        "regularizers": {"kl": {}},
        "data": {"type": "gaussian", "n": 120, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        "training": {
            "epochs": 2,
            "batch_size": 32,
            "best_by": "last",
            "optimizer": {"type": "adamw", "lr": 0.01, "groups": groups, **optimizer},
        },
    }


def player_of(groups: list[dict[str, Any]], *, steps: int = 8, **optimizer: Any) -> tuple[Player, dict[str, Any]]:
    """The player of a spec, and its weights by name."""
    model = aezoo.build(spec(groups, **optimizer))
    objective = objective_of(model, steps=steps)
    player = Player("model", objective, model.spec.training, PlayerSpec(), steps=steps)
    return player, {name: p for p, name in names_of(objective).items()}


def settings_of(player: Player, weights: dict[str, Any], key: str) -> dict[str, float]:
    names = {p: name for name, p in weights.items()}
    return {names[p]: group[key] for group in player.optimizer.param_groups for p in group["params"]}


GROUPS = [
    {"on": "encoder", "names": "*.weight", "factor": 0.5},
    {"weights": "vectors", "weight_decay": 0.0},
    {"on": ["latent", "decoder.1"], "lr": {"type": "linear", "start": 0.1, "end": 0.0, "steps": 4}},
]


def test_a_weight_is_in_the_first_group_whose_conditions_it_meets_all() -> None:
    player, weights = player_of(GROUPS)
    rates, decays = (settings_of(player, weights, key) for key in ("lr", "weight_decay"))
    assert rates.keys() == weights.keys()
    assert {name for name in rates if name.startswith("encoder.") and rates[name] == 0.005} == {
        name for name in rates if name.startswith("encoder.") and name.endswith(".weight")
    }
    for name, weight in weights.items():
        first = name.startswith("encoder.") and name.endswith(".weight")
        vector, last = weight.ndim < 2, name.startswith(("latent.", "decoder.1."))
        assert rates[name] == (0.005 if first else 0.01 if vector or not last else 0.1)
        assert decays[name] == (0.0 if vector and not first else 0.01)


def test_torch_with_the_same_groups_moves_the_weights_to_the_same_bits() -> None:
    player, weights = player_of(GROUPS[:2])
    copies = {name: p.detach().clone().requires_grad_() for name, p in weights.items()}
    of = {0: [], 1: [], 2: []}
    for name, p in copies.items():
        first = name.startswith("encoder.") and name.endswith(".weight")
        of[0 if first else 1 if p.ndim < 2 else 2].append(p)
    reference = torch.optim.AdamW(
        [
            {"params": of[2], "lr": 0.01},
            {"params": of[0], "lr": 0.005},
            {"params": of[1], "lr": 0.01, "weight_decay": 0.0},
        ],
        weight_decay=0.01,
        fused=True,
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        for name, p in weights.items():
            p.grad = torch.randn(p.shape, generator=generator)
            copies[name].grad = p.grad.clone()
        player.optimizer.step()
        reference.step()
    assert all(weights[name].equal(copies[name]) for name in weights)


def test_each_group_follows_its_own_schedule_and_a_factor_that_of_the_optimizer() -> None:
    player, weights = player_of(GROUPS, lr={"type": "piecewise", "values": [0.01, 0.004], "at": [2]})
    seen = {}
    for step in range(5):
        player.rates.set(player.optimizer, step)
        rates = settings_of(player, weights, "lr")
        seen[step] = [
            next(rates[name] for name in rates if name.startswith(prefix) and weights[name].ndim == 2)
            for prefix in ("encoder.0", "latent", "decoder.0")
        ]
    assert seen == {
        0: pytest.approx([0.005, 0.1, 0.01]),
        1: pytest.approx([0.005, 0.075, 0.01]),
        2: pytest.approx([0.002, 0.05, 0.004]),
        3: pytest.approx([0.002, 0.025, 0.004]),
        4: pytest.approx([0.002, 0.0, 0.004]),
    }


def test_a_factor_of_nothing_keeps_weights_where_they_are() -> None:
    document = spec([{"on": "encoder", "factor": 0.0}])
    before, after = aezoo.build(document).network.state_dict(), aezoo.train(document).model.network.state_dict()
    stayed = {name for name in before if before[name].equal(after[name])}
    assert stayed == {name for name in before if name.startswith("encoder.")}


def test_without_groups_the_optimizer_is_the_one_it_has_always_been() -> None:
    player, weights = player_of([])
    assert len(player.optimizer.param_groups) == 1
    assert player.optimizer.param_groups[0]["params"] == list(weights.values())


def test_groups_may_hold_every_weight_and_the_optimizer_has_none_of_its_own() -> None:
    player, _ = player_of([{"weights": "vectors", "factor": 0.5}, {"weights": "matrices", "factor": 0.25}])
    assert [group["lr"] for group in player.optimizer.param_groups] == [0.005, 0.0025]
    player.rates.set(player.optimizer, 3)
    assert player.rates.values == [0.005, 0.0025]


@pytest.mark.parametrize("groups", [GROUPS, [{"on": "latent", "lr": {"type": "cosine", "start": 0.1}}]])
def test_a_run_with_groups_stopped_after_any_step_goes_on_to_the_same_bits(groups: list[dict[str, Any]]) -> None:
    assert faults_of_stops(spec(groups), every=3) == []


def test_a_group_that_no_weight_is_in_is_refused_before_the_first_step() -> None:
    with pytest.raises(SpecError) as caught:
        aezoo.train(spec([{"on": "encoder", "factor": 0.5}, {"names": "encoder.*.bias", "factor": 0.1}]))
    (fault,) = caught.value.faults
    assert fault.code == "AZ524"
    assert fault.path == ("training", "optimizer", "groups", 1)
    assert "not in one before it" in fault.message
    assert "encoder.0.linear.weight" in fault.hint


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"on": "encoder.1", "factor": 0.5}, "no part with weights is called 'encoder.1'"),
        ({"on": "latent.prior", "factor": 0.5}, "latent.prior has no weights"),
        ({"on": "decoders", "factor": 0.5}, "no part with weights is called 'decoders'"),
        ({"on": "likelihood", "factor": 0.5}, "likelihood has no weights"),
        ({"factor": 0.5}, "says of no weights that they are in it"),
        ({"on": "encoder"}, "changes nothing"),
        ({"on": "encoder", "factor": 0.5, "lr": 0.1}, "not both"),
        ({"on": "encoder", "lr": -0.1}, "a learning rate is 0 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_the_spec_is_read(group: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(spec([group]))
    assert [message in fault.message for fault in caught.value.faults] == [True]


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ({"type": "lbfgs", "groups": [{"on": "encoder", "factor": 0.5}]}, "has one step for all weights"),
        ({"type": "lbfgs", "groups": []}, ""),
    ],
)
def test_a_line_search_takes_no_groups(optimizer: dict[str, Any], message: str) -> None:
    document = {**spec([]), "training": {"optimizer": optimizer}}
    if not message:
        assert read(document).training.optimizer.groups == ()
        return
    with pytest.raises(SpecError, match=message):
        read(document)


def test_an_optimizer_without_weight_decay_refuses_one_of_a_group() -> None:
    class Plain(OptimizerSpec):
        type: str = "plain"

    with pytest.raises(ValueError, match="plain has no weight_decay"):
        Plain.model_validate({"groups": [{"on": ["encoder"], "weight_decay": 0.1}]})


def test_the_weights_of_each_group_are_counted() -> None:
    rows = counted(read(spec(GROUPS)))
    assert [(row.group, row.rate, row.weight_decay) for row in rows] == [
        ("encoder, *.weight", "0.005", 0.01),
        ("vectors", "0.01", 0.0),
        ("latent|decoder.1", "linear", 0.01),
        ("the rest", "0.01", 0.01),
    ]
    assert sum(row.weights for row in rows) == read(spec([])).parameters
    assert counted(read(spec([]))) == []


class Duel(nn.Module):
    """The model reconstructs; a second player moves one value of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(()))

    def own(self, player: str) -> Iterator[nn.Parameter]:
        yield self.position


def duel(groups: list[dict[str, Any]]) -> tuple[Spec, Objective]:
    declared = read(spec(groups))
    return declared, Objective(aezoo.build(declared).network, Terms(Duel(), players=("model", "rival")))


def test_a_group_of_the_run_need_not_hold_weights_of_every_player() -> None:
    declared, objective = duel([{"on": "encoder", "factor": 0.5}, {"names": "objective.*", "factor": 0.1}])
    refuse_empty(declared, objective)
    rates = [
        Player(name, objective, declared.training, PlayerSpec(), steps=4).rates.values for name in objective.players
    ]
    assert rates == [[0.01, 0.005], [0.001]]


def test_a_player_has_groups_of_its_own() -> None:
    declared, objective = duel([])
    turn = PlayerSpec(optimizer=SGDSpec(lr=0.1, groups=[ParameterGroupSpec(on="objective", factor=0.5)]))
    assert Player("rival", objective, declared.training, turn, steps=4).rates.values == [0.05]


def test_weights_of_terms_go_by_the_names_of_the_terms() -> None:
    declared = read(spec([]))
    network = aezoo.build(declared).network
    terms = Terms(Duel(), regularizers={"zeta": nn.Linear(1, 1, bias=False), "alpha": nn.Linear(2, 1)})
    names = {*names_of(Objective(network, terms)).values()} - {name for name, _ in network.named_parameters()}
    assert names == {
        *("objective.position", "regularizers.alpha.weight", "regularizers.alpha.bias", "regularizers.zeta.weight")
    }
