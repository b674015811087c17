"""The seeds of a pass, and which optimizers ask for the loss themselves."""

from __future__ import annotations

import pytest
import torch

import aezoo
from aezoo.building.builder import objective_of
from aezoo.nn.objective import Constraints, Objective, Terms
from aezoo.randomness import derive
from aezoo.spec.kinds import PlayerSpec
from aezoo.training.step import Player, Streams

CPU = torch.device("cpu")


@pytest.mark.parametrize("position", range(8))
@pytest.mark.parametrize("stream", ["train", "validation"])
def test_the_three_streams_of_a_pass_are_seeded_by_its_name_and_position(stream: str, position: int) -> None:
    noise = Streams(5, CPU, corrupts=True).start(stream, position, 1)
    assert noise.latent.initial_seed() == derive(5, f"{stream}.latent", position, 1)
    assert noise.corruption.initial_seed() == derive(5, f"{stream}.corruption", position, 1)
    assert torch.default_generator.initial_seed() == derive(5, f"{stream}.global", position, 1)


def test_without_a_corruption_its_generator_is_left_alone() -> None:
    streams = Streams(5, CPU, corrupts=False)
    before = streams.noise.corruption.initial_seed()
    assert streams.start("train", 3).corruption.initial_seed() == before


def test_on_the_cpu_no_other_device_is_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "manual_seed", lambda seed: pytest.fail("seeded every device"))
    Streams(5, CPU, corrupts=False).start("train", 3)


@pytest.mark.parametrize(("optimizer", "asks"), [("lbfgs", True), ("adam", False), ("sgd", False), ("rmsprop", False)])
def test_a_line_search_alone_asks_for_losses(optimizer: str, asks: bool) -> None:
    spec = {"name": "small", "input": [2], "latent": {"type": "deterministic", "dim": 1}}
    model = aezoo.build({**spec, "training": {"optimizer": {"type": optimizer, "lr": 0.25}}})
    objective = objective_of(model, steps=4)
    player = Player("model", objective, model.spec.training, PlayerSpec(), steps=4)
    assert player.line_search is asks
    assert player.rates.values[0] == player.optimizer.param_groups[0]["lr"] == 0.25
    assert player.clip is None
    assert player.tangents is False


def test_a_limit_of_its_own_takes_the_place_of_the_runs() -> None:
    spec = {"name": "small", "input": [2], "latent": {"type": "deterministic", "dim": 1}, "training": {"clip": 3.0}}
    model = aezoo.build(spec)
    objective = objective_of(model, steps=4)
    clips = [
        Player("model", objective, model.spec.training, turn, steps=4).clip
        for turn in (PlayerSpec(), PlayerSpec(clip=0.5))
    ]
    assert clips == [3.0, 0.5]


def test_the_first_player_alone_makes_gradients_tangent() -> None:
    spec = {"name": "small", "input": [2], "latent": {"type": "deterministic", "dim": 1}}
    model = aezoo.build(spec)
    made = objective_of(model, steps=4)
    made.loss_terms.own = lambda player: iter([torch.nn.Parameter(torch.zeros(1))])
    objective = Objective(
        made.model, Terms(made.loss_terms, players=("model", "critic")), Constraints(tangents=[lambda: None])
    )
    first, second = (
        Player(name, objective, model.spec.training, PlayerSpec(), steps=4) for name in ("model", "critic")
    )
    assert (first.tangents, second.tangents) == (True, False)
