"""Which weights each player moves, its losses, and its state in a run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

import aezoo
from aezoo.building.builder import objective_of
from aezoo.errors import NotFound, Refused
from aezoo.nn.objective import Losses, Noise, Objective
from aezoo.storage import training_tensors

GAMES = ("aae", "wae_gan", "factor_vae", "vae_gan")
#: What each player may move: the first in `Objective.state_dict()` of what stands for it.
MOVES = {
    ("aae", "model"): {"model.encoder", "model.latent", "model.decoder"},
    ("aae", "critic"): {"loss_terms.critic"},
    ("aae", "encoder"): {"model.encoder", "model.latent"},
    ("wae_gan", "model"): {"model.encoder", "model.latent", "model.decoder"},
    ("wae_gan", "critic"): {"loss_terms.critic"},
    ("factor_vae", "model"): {"model.encoder", "model.latent", "model.decoder"},
    ("factor_vae", "critic"): {"loss_terms.critic"},
    ("vae_gan", "encoder"): {"model.encoder", "model.latent"},
    ("vae_gan", "decoder"): {"model.decoder"},
    ("vae_gan", "critic"): {"loss_terms.critic"},
}
STILL = {"type": "sgd", "lr": 0.0}
MOVING = {"type": "sgd", "lr": 0.1}


def game(name: str, *, moving: str | None = None, **training: Any) -> dict[str, Any]:
    """A small game; if a player is named, no other moves."""
    layers = [{"type": "flatten"}] if name == "vae_gan" else []
    objective: dict[str, Any] = {
        "type": f"adversarial:{name}",
        "critic": {"layers": [*layers, {"type": "linear", "features": 7, "activation": "tanh"}]},
    }
    if moving is not None:
        first, *others = [player for known, player in MOVES if known == name]
        training["optimizer"] = MOVING if moving == first else STILL
        for other in others:
            objective.setdefault(other, {})["optimizer"] = MOVING if moving == other else STILL
    return {
        "name": "game",
        "input": [1, 4, 4],
        "encoder": [{"type": "flatten"}, {"type": "linear", "features": 6, "activation": "tanh"}],
        "latent": {"type": "gaussian", "dim": 3},
        "likelihood": "bernoulli",
        "regularizers": {"kl": {"weight": 1.0}},
        "objective": objective,
        "training": {"steps": 1, "batch_size": 16, "best_by": "last", **training},
    }


def images(n: int = 80) -> Any:
    return np.random.default_rng(0).random((n, 1, 4, 4), np.float32)


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {".".join(name.split(".")[:2]) for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize(("name", "player"), list(MOVES))
def test_in_its_turn_a_player_moves_what_is_its_own_and_nothing_else(name: str, player: str) -> None:
    spec = aezoo.read(game(name, moving=player))
    before = objective_of(aezoo.build(spec), steps=1).state_dict()
    run = aezoo.train(spec, images())
    after = {f"model.{key}": value for key, value in run.model.network.state_dict().items()} | run.auxiliary_state
    assert set(after) == set(before)
    assert changed(before, after) == MOVES[name, player]


@pytest.mark.parametrize(("name", "player"), list(MOVES))
def test_all_that_a_player_may_move_it_does_move(name: str, player: str) -> None:
    objective = objective_of(aezoo.build(game(name)), steps=1)
    own = list(objective.parameters_of(player))
    gradients = torch.autograd.grad(losses_of(objective, player).total, own)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def losses_of(objective: Objective, player: str, *, seed: int = 0) -> Losses:
    x = torch.from_numpy(images(16))
    noise = Noise(Generator().manual_seed(seed), Generator().manual_seed(seed))
    losses: Losses = objective(x, player, 0, noise)
    return losses


def guessing(objective: Objective) -> Objective:
    """Its critic gives everything the logit 0."""
    score = objective.loss_terms.critic.score  # type: ignore[union-attr]
    nn.init.zeros_(score.weight)  # type: ignore[union-attr,arg-type]
    nn.init.zeros_(score.bias)  # type: ignore[union-attr,arg-type]
    return objective


@pytest.mark.parametrize("name", GAMES)
def test_a_critic_that_guesses_is_told_ln_2(name: str) -> None:
    objective = guessing(objective_of(aezoo.build(game(name)), steps=1))
    assert losses_of(objective, "critic").raw["discrimination"].item() == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("name", "player", "term", "expected"),
    [
        ("aae", "encoder", "adversarial", math.log(2)),
        ("wae_gan", "model", "adversarial", math.log(2)),
        ("factor_vae", "model", "total_correlation", 0.0),
        ("vae_gan", "decoder", "adversarial", math.log(2)),
    ],
)
def test_what_the_others_are_told_of_a_critic_that_guesses(name: str, player: str, term: str, expected: float) -> None:
    objective = guessing(objective_of(aezoo.build(game(name)), steps=1))
    assert losses_of(objective, player).raw[term].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("name", "player"), [("aae", "encoder"), ("wae_gan", "model")])
def test_misleading_the_critic_lowers_how_well_it_tells(name: str, player: str) -> None:
    objective = objective_of(aezoo.build(game(name)), steps=1)
    weight = objective.model.latent.project.weight  # type: ignore[union-attr]
    losses_of(objective, player).raw["adversarial"].backward(inputs=[weight])  # type: ignore[no-untyped-call]
    before = losses_of(objective, "critic").total.item()
    with torch.no_grad():
        weight -= 0.1 * weight.grad / weight.grad.norm()  # type: ignore[operator,union-attr]
    assert losses_of(objective, "critic").total.item() > before


def test_the_weight_is_of_the_term_it_is_said_to_be_of() -> None:
    for name, player, term in (
        ("wae_gan", "model", "adversarial"),
        ("factor_vae", "model", "total_correlation"),
        ("vae_gan", "decoder", "feature_error"),
    ):
        document = game(name)
        document["objective"]["weight"] = 3.0
        losses = losses_of(objective_of(aezoo.build(document), steps=1), player)
        assert losses.weighted[term].item() == pytest.approx(3 * losses.raw[term].item())
        assert losses.total.item() == pytest.approx(sum(value.item() for value in losses.weighted.values()))


def test_samples_are_compared_by_half_the_squared_distance_of_their_features() -> None:
    objective = objective_of(aezoo.build(game("vae_gan")), steps=1)
    critic: Any = objective.loss_terms.critic
    losses = losses_of(objective, "encoder")
    x = torch.from_numpy(images(16))
    out = objective.model(x, generator=Generator().manual_seed(0))
    gap = critic.features(x) - critic.features(out.model.likelihood.mean(out.raw))
    assert losses.raw["feature_error"].item() == pytest.approx(gap.square().sum(dim=1).mean().item() / 2, rel=1e-5)


# --- turns and gates ----------------------------------------------------------------------------------------


def of_critic(steps: int, **table: Any) -> dict[str, Tensor]:
    """What a critic knows at the end, of codes that do not move."""
    document = game("wae_gan", moving="critic", steps=steps)
    document["objective"]["critic"] |= table
    return aezoo.train(document, images()).auxiliary_state


@pytest.mark.parametrize(
    ("table", "steps"), [({"every": 10}, 1), ({"every": 5}, 6), ({"above": 0.01}, 10), ({"below": 9.0}, 10)]
)
def test_a_critic_takes_the_turns_that_its_table_says(table: dict[str, Any], steps: int) -> None:
    # As one that ends with its last turn; and, of the gates, as one that has none.
    alike = {key: value for key, value in table.items() if key == "every"}
    actual, expected = of_critic(10, **table), of_critic(steps, **alike)
    assert all(torch.equal(value, expected[name]) for name, value in actual.items())


@pytest.mark.parametrize("table", [{"start": 10}, {"below": 0.01}, {"above": 9.0}])
def test_a_critic_whose_turn_never_comes_stays_as_it_was_drawn(table: dict[str, Any]) -> None:
    fresh = objective_of(aezoo.build(game("wae_gan")), steps=1).auxiliary_state
    assert all(torch.equal(value, fresh[name]) for name, value in of_critic(10, **table).items())


# --- what is kept -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GAMES)
def test_what_the_critic_knows_is_saved_and_restored(name: str, tmp_path: Path) -> None:
    spec = aezoo.read(game(name, steps=20))
    run = aezoo.train(spec, images(), out=tmp_path / "run")
    fresh = objective_of(aezoo.build(spec), steps=1).auxiliary_state
    again = training_tensors.restore(aezoo.load(tmp_path / "run"), tmp_path / "run")
    assert set(again.auxiliary_state) == set(fresh)
    assert all(torch.equal(value, run.auxiliary_state[key]) for key, value in again.auxiliary_state.items())
    assert not any(torch.equal(value, fresh[key]) for key, value in again.auxiliary_state.items())
    # And with the weights of the model: each player has the losses that it would have in the run.
    trained = objective_of(run.model, steps=1)
    trained.load_state_dict(run.auxiliary_state, strict=False)
    for player in again.players:
        assert losses_of(again, player).total.item() == losses_of(trained, player).total.item()


def test_the_critic_is_of_the_same_step_as_the_model_that_is_kept(tmp_path: Path) -> None:
    long = game("wae_gan", epochs=12, optimizer={"type": "adam", "lr": 0.05}, best_by="adversarial")
    del long["training"]["steps"]
    run = aezoo.train(long, images())
    best = run.record["best_step"]
    assert 0 < best < run.record["steps"]
    long["training"] |= {"steps": best, "best_by": "last"}
    del long["training"]["epochs"]
    short = aezoo.train(long, images())
    assert all(torch.equal(value, run.auxiliary_state[name]) for name, value in short.auxiliary_state.items())
    state = run.model.network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in short.model.network.state_dict().items())


def test_a_model_is_used_without_its_critic_and_a_critic_that_is_not_there_is_missed(tmp_path: Path) -> None:
    run = aezoo.train(game("aae"), images(), out=tmp_path / "run")
    (tmp_path / "run" / "training.safetensors").unlink()
    model = aezoo.load(tmp_path / "run")
    np.testing.assert_array_equal(model.encode(images()), run.model.encode(images()))
    with pytest.raises(NotFound):
        training_tensors.restore(model, tmp_path / "run")


def test_the_critic_of_another_game_is_refused(tmp_path: Path) -> None:
    for name in ("aae", "vae_gan"):
        aezoo.train(game(name), images(), out=tmp_path / name)
    aae, other = tmp_path / "aae" / "training.safetensors", tmp_path / "vae_gan" / "training.safetensors"
    aae.write_bytes(other.read_bytes())
    with pytest.raises(Refused):
        training_tensors.restore(aezoo.load(tmp_path / "aae"), tmp_path / "aae")


@pytest.mark.parametrize("name", GAMES)
def test_the_same_seed_gives_the_same_players_whatever_the_global_generator_is_at(name: str) -> None:
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        run = aezoo.train(game(name, steps=8), images())
        states.append(run.model.network.state_dict() | run.auxiliary_state)
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
