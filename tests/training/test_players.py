"""Several players in one loop: who moves what, how and when; and what of it is kept."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

import aezoo
from aezoo.builtins.optimizers import LBFGSSpec, SGDSpec
from aezoo.data.batches import Batches
from aezoo.nn.objective import Objective, Terms
from aezoo.spec.kinds import ConstantSpec, PlayerSpec
from aezoo.spec.samples import Samples
from aezoo.training.loop import Loop
from aezoo.training.outcome import Outcome


class Chase(nn.Module):
    """The model reconstructs; a second player, one value, has its squared distance from 3 as loss."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(()))
        self.calls = 0

    def forward(self, out: Any, player: str) -> dict[str, Tensor]:
        if player == "model":
            return {"reconstruction": out.model.likelihood.nll(out.raw, out.x).mean()}
        self.calls += 1
        return {"distance": (self.position - 3).square() + 0.0 * out.x.sum()}

    def own(self, player: str) -> Iterator[nn.Parameter]:
        yield self.position


def sgd(lr: float) -> SGDSpec:
    return SGDSpec(lr=ConstantSpec(value=lr))


def play(turn: PlayerSpec, *, steps: int = 12, game: Chase | None = None) -> tuple[Chase, Outcome, Loop]:
    """A run of the game; with `sgd(0.1)` each move takes the second player 0.2 of the way that is left."""
    spec = aezoo.read(
        {
            "name": "game",
            "input": [4],
            "latent": {"type": "deterministic", "dim": 2},
            "training": {"steps": steps, "batch_size": 8},
        }
    )
    batches = Batches(Samples(np.ones((40, 4), np.float32), "ones"), spec)
    game = game or Chase()
    objective = Objective(aezoo.build(spec).network, Terms(game, players=("model", "chaser"))).train()
    loop = Loop(objective, spec.training, batches, steps=steps, turns={"chaser": turn})
    return game, loop.run(), loop


def after(moves: int) -> float:
    return 3 * (1 - 0.8**moves)


@pytest.mark.parametrize(
    ("every", "start", "moves"), [(1, 0, 12), (3, 0, 4), (5, 0, 3), (1, 7, 5), (3, 7, 2), (1, 12, 0)]
)
def test_a_player_moves_at_the_steps_that_its_table_names(every: int, start: int, moves: int) -> None:
    game, _, _ = play(PlayerSpec(optimizer=sgd(0.1), every=every, start=start))
    assert game.position.item() == pytest.approx(after(moves))
    assert game.calls == moves  # between its turns it costs nothing


def test_a_player_waits_where_its_loss_is_not_above_the_bound() -> None:
    # Its losses are 9 x 0.64^n: 9, 5.76, 3.69, 2.36, 1.51; it stays where its loss is below 2.
    game, _, _ = play(PlayerSpec(optimizer=sgd(0.1), above=2.0))
    assert game.position.item() == pytest.approx(after(4))


def test_a_player_moves_only_below_the_bound() -> None:
    assert play(PlayerSpec(optimizer=sgd(0.1), below=9.5))[0].position.item() == pytest.approx(after(12))
    assert play(PlayerSpec(optimizer=sgd(0.1), below=9.0))[0].position.item() == 0.0


def test_a_players_losses_are_logged_whether_it_moves_or_not() -> None:
    _, _, loop = play(PlayerSpec(optimizer=sgd(0.1), below=9.0))
    assert loop.history.records[-1]["chaser.distance"] == 9.0


def test_a_gate_changes_nothing_but_who_moves() -> None:
    open_, plain = (play(PlayerSpec(optimizer=sgd(0.1), above=above)) for above in (0.0, None))
    assert open_[0].position.item() == plain[0].position.item()
    assert all(torch.equal(value, plain[1].state[name]) for name, value in open_[1].state.items())


def test_a_line_search_waits_at_the_gate_too() -> None:
    search = LBFGSSpec()
    assert play(PlayerSpec(optimizer=search, below=9.0))[0].position.item() == 0.0
    assert play(PlayerSpec(optimizer=search, above=1e-6))[0].position.item() == pytest.approx(3.0, abs=1e-2)


def test_each_player_has_an_optimizer_and_a_largest_gradient_of_its_own() -> None:
    # A gradient of length 0.5 and a rate of 0.1: twelve steps of 0.05.
    game, _, _ = play(PlayerSpec(optimizer=sgd(0.1), clip=0.5))
    assert game.position.item() == pytest.approx(12 * 0.05)


def test_what_a_player_knows_is_kept_with_the_weights() -> None:
    game, outcome, _ = play(PlayerSpec(optimizer=sgd(0.1)))
    assert set(outcome.auxiliary_state) == {"loss_terms.position"}
    assert outcome.auxiliary_state["loss_terms.position"] == game.position


def test_a_gate_that_no_loss_passes_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"no loss is above 0.7 and below 0.3: this player would never move"):
        PlayerSpec(above=0.7, below=0.3)


def test_the_weights_of_another_player_are_no_part_of_the_total_that_chooses() -> None:
    spec = aezoo.read(
        {
            "name": "game",
            "input": [4],
            "latent": {"type": "deterministic", "dim": 2},
            "training": {"steps": 3, "batch_size": 8, "best_by": "total"},
        }
    )
    batches = Batches(Samples(np.ones((8, 4), np.float32), "ones"), spec)
    weights = {"chaser.distance": lambda step: 2.0 + step, "reconstruction": lambda step: 4.0 - step}
    network = aezoo.build(spec).network
    objective = Objective(network, Terms(Chase(), players=("model", "chaser"), weights=weights)).train()
    loop = Loop(objective, spec.training, batches, steps=3, turns={"chaser": PlayerSpec(optimizer=sgd(0.0))})
    outcome = loop.run()
    for record in loop.history.records:
        if "epoch" in record:
            step = record["step"] - 1
            assert record["reconstruction.weighted"] == pytest.approx((4 - step) * record["reconstruction"])
            assert record["chaser.total"] == pytest.approx((2 + step) * 9)
    # Under the weight of the end, 1; the chaser's loss, nine times as large, does not count.
    chosen = next(r for r in loop.history.records if "epoch" in r and r["step"] == outcome.best_step)
    assert outcome.validation["total"] == pytest.approx(chosen["reconstruction"])


class Draws(Chase):
    """Each player's loss keeps what it draws from the latent stream."""

    def __init__(self) -> None:
        super().__init__()
        self.draws: dict[str, list[float]] = {"model": [], "chaser": []}

    def forward(self, out: Any, player: str) -> dict[str, Tensor]:
        if self.training:
            self.draws[player].append(torch.randn((), generator=out.generator).item())
        return super().forward(out, player)


def test_each_player_has_noise_of_its_own_that_a_line_search_meets_again() -> None:
    steps, search = 3, LBFGSSpec(max_iter=4)
    once, often = Draws(), Draws()
    play(PlayerSpec(optimizer=sgd(0.1)), steps=steps, game=once)
    play(PlayerSpec(optimizer=search), steps=steps, game=often)
    assert len({*once.draws["model"], *once.draws["chaser"]}) == 2 * steps
    assert len(often.draws["chaser"]) > steps
    assert [*dict.fromkeys(often.draws["chaser"])] == once.draws["chaser"]


def test_a_run_and_its_players_do_not_hold_each_other() -> None:
    _, _, loop = play(PlayerSpec(optimizer=sgd(0.1)))
    for player in loop.players:
        assert not {Loop, Objective} & {type(value) for value in vars(player).values()}
        assert not {name for name, value in vars(player).items() if isinstance(value, Tensor)}, "left by a step"


@pytest.mark.parametrize("optimizer", [sgd(0.1), LBFGSSpec()])
def test_from_the_verb_to_the_gradient_there_are_at_most_three_calls(
    optimizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: set[tuple[str, ...]] = set()
    backward = Tensor.backward

    def watched(self: Tensor, *args: Any, **kwargs: Any) -> None:
        here = str(Path(aezoo.__file__).parent)
        frames = [frame.name for frame in traceback.extract_stack() if frame.filename.startswith(here)]
        ways.add(tuple(frames[frames.index("train") :]))
        backward(self, *args, **kwargs)

    monkeypatch.setattr(Tensor, "backward", watched)
    spec = {
        "name": "game",
        "input": [4],
        "latent": {"type": "deterministic", "dim": 2},
        "training": {"steps": 2, "batch_size": 8, "optimizer": optimizer.model_dump()},
    }
    aezoo.train(spec, np.random.default_rng(0).random((40, 4), np.float32))
    assert ways == {("train", "run", "step", "evaluate")}
