"""Critics as terms: beside any objective, each with turns, weights and an optimizer of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator

import aezoo
from aezoo.building.builder import build, objective_of
from aezoo.data.batches import Batch, Batches
from aezoo.errors import SpecError
from aezoo.nn.objective import Losses, Noise, Objective
from aezoo.reading.reader import check
from aezoo.spec.document import Spec
from aezoo.spec.kinds import turns_of
from aezoo.spec.samples import Samples
from aezoo.storage.training_tensors import restore
from aezoo.training.loop import Loop

CRITIC = {
    "layers": [{"type": "linear", "features": 16, "activation": "leaky_relu"}],
    "optimizer": {"type": "adam", "lr": 0.01},
}
TERM = {"type": "adversarial:total_correlation", "weight": 4.0, "critic": CRITIC}
#: Values that depend on each other.
X = (np.random.default_rng(0).standard_normal((64, 2)) @ np.ones((2, 4)) / 2).astype("float32")


def spec_of(**changes: Any) -> Spec:
    """A VAE with the total correlation as a term."""
    document = {
        "name": "terms",
        "input": [4],
        "latent": {"type": "gaussian", "dim": 3, "prior": "standard_normal"},
        "likelihood": {"type": "gaussian"},
        "regularizers": {"kl": {"weight": 1.0}, "tc": TERM},
        "training": {"steps": 4, "batch_size": 32, "best_by": "last"},
    }
    return aezoo.read({**document, **changes})


IWAE = {"objective": {"type": "densities:iwae", "k": 4}, "regularizers": {"tc": TERM}}


def objective_for(spec: Spec) -> Objective:
    return objective_of(build(spec), steps=4).train()


def played(objective: Objective, player: str) -> Losses:
    return objective(torch.from_numpy(X[:32]), player, 0, Noise(Generator(), Generator().manual_seed(3)))


def with_critic_of(objective: Objective, other: Objective) -> Objective:
    """The objective, its term's critic with the weights of another's."""
    critics = [m.critic for o in (objective, other) for m in o.modules() if hasattr(m, "critic")]
    critics[0].load_state_dict(critics[1].state_dict())
    return objective


def test_a_term_has_its_turn_after_the_players_of_the_objective() -> None:
    objective = objective_for(spec_of())
    assert objective.players == ("model", "tc.critic")
    assert turns_of(spec_of())["tc.critic"].optimizer is not None
    model, critic = (set(objective.parameters_of(player)) for player in objective.players)
    assert critic == set(objective.terms.regularizers["tc"].critic.parameters())
    assert model == set(objective.model.parameters())
    assert objective.unmoved() == []


def test_a_vae_with_the_term_is_a_factor_vae() -> None:
    old = spec_of(
        regularizers={"kl": {"weight": 1.0}},
        objective={"type": "adversarial:factor_vae", "weight": 4.0, "critic": CRITIC},
    )
    one, two = objective_for(old), objective_for(spec_of())
    with_critic_of(two, one)
    model, again = played(one, "model"), played(two, "model")
    torch.testing.assert_close(again.total, model.total)
    torch.testing.assert_close(again.raw["tc"], model.raw["total_correlation"], rtol=0, atol=0)
    critic, again = played(one, "critic"), played(two, "tc.critic")
    torch.testing.assert_close(again.raw["discrimination"], critic.raw["discrimination"], rtol=0, atol=0)


def test_beside_an_importance_weighted_bound_each_term_is_what_it_is_alone() -> None:
    pytest.importorskip("aezoo_densities")
    both = objective_for(spec_of(**IWAE))
    bound = played(objective_for(spec_of(objective=IWAE["objective"], regularizers={})), "model")
    correlation = played(with_critic_of(objective_for(spec_of()), both), "model")
    losses = played(both, "model")
    assert set(losses.raw) == {"bound", "tc"}
    torch.testing.assert_close(losses.raw["bound"], bound.raw["bound"], rtol=0, atol=0)
    torch.testing.assert_close(losses.raw["tc"], correlation.raw["tc"], rtol=0, atol=0)
    torch.testing.assert_close(losses.total, bound.raw["bound"] + 4 * correlation.raw["tc"])


def test_a_few_steps_of_both_move_model_and_critic_and_log_each() -> None:
    pytest.importorskip("aezoo_densities")
    training = {"steps": 60, "batch_size": 32, "best_by": "last", "optimizer": {"type": "adam", "lr": 0.01}}
    spec = spec_of(**IWAE, training=training)
    objective = objective_of(build(spec), steps=60).train()
    before = played(objective, "model").raw["bound"].item()
    chance = played(objective, "tc.critic").total.item()
    loop = Loop(objective, spec.training, Batches(Samples(X, "x"), spec), steps=60, turns=turns_of(spec))
    loop.run()
    means = loop.history.records[-1]
    assert {"bound", "tc", "tc.weighted", "tc.critic.discrimination", "tc.critic.total"} <= set(means)
    assert means["bound"] < before
    assert played(objective, "tc.critic").total.item() < chance


def test_the_rate_is_still_counted_once() -> None:
    pytest.importorskip("aezoo_densities")
    with pytest.raises(SpecError, match="AZ521"):
        spec_of(objective=IWAE["objective"])


def test_a_model_s_turn_leaves_the_critic_and_the_critic_s_the_model() -> None:
    spec = spec_of(training={"steps": 1, "batch_size": 32, "best_by": "last"})
    objective = objective_for(spec)
    loop = Loop(objective, spec.training, Batches(Samples(X, "x"), spec), steps=1, turns=turns_of(spec))
    x = torch.from_numpy(X[:32])
    for player in loop.players:
        before = {p: p.detach().clone() for p in objective.parameters()}
        player.step(objective, Batch(x), 0, loop.streams)
        moved = {p for p, value in before.items() if not torch.equal(p, value)}
        assert moved
        assert moved <= set(player.parameters)


@pytest.mark.parametrize(
    ("term", "latent"),
    [
        (TERM, {"type": "gaussian", "dim": 3}),
        ({"type": "adversarial:code_critic", "critic": CRITIC}, {"type": "deterministic", "dim": 3}),
        ({"type": "adversarial:sample_critic", "critic": CRITIC}, {"type": "deterministic", "dim": 3}),
    ],
)
def test_what_a_critic_knew_is_kept_beside_the_model(term: Any, latent: Any, tmp_path: Path) -> None:
    rate = {"kl": {"weight": 1.0}} if latent["type"] == "gaussian" else {}
    spec = spec_of(regularizers={**rate, "game": term}, latent={**latent, "prior": "standard_normal"})
    aezoo.train(spec, X, out=tmp_path / "run", device="cpu")
    objective = restore(aezoo.load(tmp_path / "run"), tmp_path / "run")
    fresh = objective_for(spec)
    kept, start = (o.terms.regularizers["game"].critic.score.weight for o in (objective, fresh))
    assert not torch.equal(kept, start)


def test_the_critic_s_table_says_how_and_when_it_moves() -> None:
    late = {**CRITIC, "start": 3, "every": 2}
    spec = spec_of(regularizers={"kl": {}, "tc": {**TERM, "critic": late}})
    assert [step for step in range(8) if turns_of(spec)["tc.critic"].moves(step)] == [3, 5, 7]


@pytest.mark.parametrize(
    ("term", "fault"),
    [
        ({**TERM, "on": "output"}, "adversarial:total_correlation reads 'latent' and nothing else"),
        ({"type": "adversarial:sample_critic", "on": "latent"}, "adversarial:sample_critic reads 'output'"),
        ({**TERM, "critic": {"layers": [{"type": "conv", "channels": 2}]}}, "its layers do not fit its input"),
    ],
)
def test_a_term_that_cannot_be_is_refused(term: Any, fault: str) -> None:
    with pytest.raises(SpecError, match=fault):
        spec_of(regularizers={"kl": {}, "game": term})


def test_a_code_critic_needs_a_prior_that_is_there_in_training() -> None:
    with pytest.raises(SpecError, match="code_critic draws codes from the prior in training, and the latent has no"):
        spec_of(latent={"type": "deterministic", "dim": 3}, regularizers={"game": "adversarial:code_critic"})


def test_the_weights_of_a_critic_are_counted_with_the_limits() -> None:
    from aezoo.spec.limits import size_of

    alone = spec_of(regularizers={"kl": {}})
    # 3 x 16 + 16, and 16 + 1 of the logit.
    assert size_of(spec_of()).parameters - size_of(alone).parameters == 3 * 16 + 16 + 16 + 1


def test_a_choice_by_the_total_is_doubted() -> None:
    document = {**spec_of().document(), "training": {"best_by": "total"}}
    _, faults = check(document)
    assert any("the critic changes" in fault.message for fault in faults)


def test_a_critic_of_samples_of_a_model_without_a_decoder_is_a_fault_with_its_place() -> None:
    with pytest.raises(SpecError) as caught:
        aezoo.read(
            {
                "name": "t",
                "input": [4],
                "latent": {"type": "deterministic", "dim": 2},
                "decoder": "none",
                "regularizers": {"c": {"type": "adversarial:sample_critic"}},
            }
        )
    assert "regularizers.c.on: no tap is called 'output'" in str(caught.value)
