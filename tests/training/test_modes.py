"""Optimizers with two modes: what is judged and kept is not what is learnt at."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import schedulefree
import torch
from torch import Tensor

import aezoo
from aezoo.builtins.schedule_free import ScheduleFreeSpec
from aezoo.errors import RunFailed, SpecError
from aezoo.stacking.facts import reason_against
from aezoo.training.history import History
from aezoo.training.loop import Loop
from aezoo.training.modes import TwoModes, evaluating, with_modes
from aezoo.training.parameter_groups import counted
from aezoo.training.setup import assemble, set_up
from aezoo.training.signals import Stop

RATE, WARMUP, STEPS = 0.01, 3, 8


def document(**training: Any) -> dict[str, Any]:
    optimizer = {"type": "schedule_free", "lr": RATE, "warmup_steps": WARMUP}
    table = {"steps": STEPS, "batch_size": 32, "optimizer": optimizer, **training}
    return {
        "aezoo": 1,
        "name": "x",
        "input": {"shape": [6]},
        "encoder": [{"type": "linear", "features": 8}],
        "latent": {"type": "gaussian", "dim": 2},
        "decoder": "mirror",
        "likelihood": "gaussian",
        "regularizers": {"kl": {}},
        "data": {"type": "gaussian", "n": 200, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        "training": {key: value for key, value in table.items() if value is not None},
    }


def loop_of(**training: Any) -> Loop:
    spec = aezoo.read(document(**training))
    return assemble(spec, set_up(spec), History(), None, Stop())[1]


def weights(loop: Loop) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in loop.objective.model.named_parameters()}


def kept(state: dict[str, Tensor], like: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: state[name] for name in like}


def test_a_run_keeps_the_weights_that_the_package_gives_in_eval_mode() -> None:
    ours = loop_of(best_by="last")
    outcome = ours.run()
    theirs = loop_of(best_by="last")
    (player,) = theirs.players
    player.optimizer = schedulefree.AdamWScheduleFree(theirs.objective.parameters(), lr=RATE, warmup_steps=WARMUP)
    player.optimizer.train()
    while theirs.step < STEPS:
        for batch in theirs.epoch_batches(theirs.step // theirs.steps_per_epoch):
            player.step(theirs.objective, batch, theirs.step, theirs.streams)
            theirs.step += 1
            if theirs.step == STEPS:
                break
    learnt = weights(theirs)
    torch.testing.assert_close(weights(ours), learnt, rtol=0, atol=0)
    player.optimizer.eval()
    judged = weights(theirs)
    torch.testing.assert_close(kept(outcome.state, judged), judged, rtol=0, atol=0)
    assert any(not torch.equal(judged[name], learnt[name]) for name in judged)


def test_it_is_validated_at_the_weights_that_are_kept() -> None:
    loop = loop_of(best_by="last")
    outcome = loop.run()
    loop.objective.model.load_state_dict(outcome.state)
    assert loop.validation is not None
    assert loop.validate(loop.validation) == outcome.validation


def test_how_often_a_run_is_judged_changes_no_bit_of_it() -> None:
    seldom, often = loop_of(best_by="last"), loop_of(best_by="last", validate_every=1)
    first, second = seldom.run().state, often.run().state
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(weights(seldom), weights(often), rtol=0, atol=0)


def test_an_error_while_judging_leaves_the_weights_of_training() -> None:
    loop = loop_of()
    loop.run()
    (optimizer,) = with_modes(player.optimizer for player in loop.players)
    before, within = weights(loop), []

    def fail() -> None:
        with evaluating(optimizer):
            within.append(weights(loop))
            raise RuntimeError("within")

    with pytest.raises(RuntimeError, match="within"):
        fail()
    assert any(not torch.equal(value, before[name]) for name, value in within[0].items())
    torch.testing.assert_close(weights(loop), before, rtol=0, atol=0)
    assert optimizer.param_groups[0]["train_mode"] is True


def test_no_other_optimizer_has_modes() -> None:
    loop = loop_of(optimizer="adam")
    assert loop.with_modes == []
    assert not isinstance(loop.players[0].optimizer, TwoModes)


def test_an_average_of_weights_that_are_not_judged_is_refused() -> None:
    with pytest.raises(SpecError, match="averages the weights itself"):
        loop_of(ema=0.9)


def test_a_share_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        ScheduleFreeSpec(betas=(0.0, 0.9))


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "aezoo.nn.schedule_free", raising=False)
    monkeypatch.setitem(sys.modules, "schedulefree", None)
    with pytest.raises(RunFailed, match="not installed") as caught:
        ScheduleFreeSpec().build([torch.ones(2, requires_grad=True)], lr=0.1)
    assert caught.value.hint == "pip install 'aezoo[schedulefree]'"


def test_such_a_run_trains_alone() -> None:
    assert reason_against(loop_of()) == "its optimizer learns at other weights than are judged"


def test_muon_and_adamw_follow_schedules_of_their_own() -> None:
    ramp = {"type": "linear", "start": 0.01, "end": 0.0}
    optimizer = {"type": "muon", "lr": 0.02, "adamw_lr": ramp, "groups": [{"on": "encoder", "factor": 0.5}]}
    loop = loop_of(optimizer=optimizer, epochs=2, steps=None)
    (player,) = loop.players
    rates = {(group["half"], group["lr"]) for group in player.optimizer.param_groups}
    assert rates == {("muon", 0.02), ("muon", 0.01), ("adamw", 0.01), ("adamw", 0.005)}
    player.rates.set(player.optimizer, loop.steps // 2)
    rates = {(group["half"], group["lr"]) for group in player.optimizer.param_groups}
    assert rates == {("muon", 0.02), ("muon", 0.01), ("adamw", 0.005), ("adamw", 0.0025)}


def test_muon_trains_a_small_model() -> None:
    loop = loop_of(optimizer={"type": "muon", "lr": 0.02, "scale": "original", "adamw_lr": 0.01}, steps=60)
    assert loop.validation is not None
    before = loop.validate(loop.validation)["total"]
    assert loop.run().validation["total"] < before - 0.5


def test_show_names_both_rates() -> None:
    optimizer = {"type": "muon", "lr": 0.02, "adamw_lr": 0.001, "groups": [{"on": "encoder", "factor": 0.5}]}
    rows = counted(aezoo.read(document(optimizer=optimizer)))
    assert [row.rate for row in rows] == ["0.01 and 0.0005", "0.02 and 0.001"]
