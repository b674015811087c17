"""What the declarations of games say: who plays, which terms they weigh, and what a critic is made of."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import aezoo_adversarial
import pytest
from aezoo_adversarial.metrics import MMDSpec, TotalCorrelationSpec
from aezoo_adversarial.objectives import AAESpec, FactorVAESpec, VAEGANSpec, WAEGANSpec

import aezoo
from aezoo.errors import SpecError
from aezoo.plugin import PlayerSpec

GAMES = [AAESpec, WAEGANSpec, FactorVAESpec, VAEGANSpec]


def spec_of(**parts: Any) -> Any:
    blank = {
        "code_shape": (2, 3),
        "levels": (),
        "target_shape": (1, 4, 4),
        "mask": None,
        "latent": SimpleNamespace(prior=SimpleNamespace(fitted=False, tag=lambda: "standard_normal")),
        "input": SimpleNamespace(shape=(1, 4, 4)),
        "training": SimpleNamespace(best_by="last"),
    }
    return SimpleNamespace(**(blank | parts))


def declared(game: Any, **settings: Any) -> Any:
    """A game as a spec has it; a critic of samples begins with what makes vectors of them."""
    if game is VAEGANSpec:
        settings = {"critic": {"layers": [{"type": "flatten"}]}, **settings}
    spec = {
        "name": "small",
        "input": [1, 4, 4],
        "latent": {"type": "gaussian", "dim": 6},
        "regularizers": {"kl": {}},
        "objective": {"type": f"adversarial:{game.model_fields['type'].default}", **settings},
        "training": {"best_by": "last"},
    }
    return aezoo.read(spec).objective


def test_every_module_announces_the_parts_that_it_has() -> None:
    for module in aezoo_adversarial.aezoo_components():
        parts = import_module(module.module).COMPONENTS
        assert module.announced == {(part.kind, part.model_fields["type"].default) for part in parts}


def test_a_critic_of_two_wide_layers_has_the_weights_that_are_counted() -> None:
    critic = declared(AAESpec).critic
    assert [(layer.features, layer.activation) for layer in critic.layers] == [(256, "leaky_relu")] * 2
    assert critic.parameters((6,)) == 6 * 256 + 256 + 256 * 256 + 256 + 256 + 1
    assert sum(value.numel() for value in critic.build((6,)).parameters()) == critic.parameters((6,))


def test_layers_that_do_not_fit_are_refused_where_they_stand() -> None:
    critic = declared(VAEGANSpec, critic={"layers": [{"type": "conv", "channels": 2}]}).critic
    (remark,) = critic.remarks((6,))
    assert remark.message.startswith("its layers do not fit its input: ")
    assert (remark.hint, remark.at, remark.level) == ("take others", "critic", "error")
    assert list(critic.remarks((1, 6, 6))) == []


@pytest.mark.parametrize(
    ("game", "players", "weights"),
    [
        (AAESpec, ("model", "critic", "encoder"), {}),
        (WAEGANSpec, ("model", "critic"), {"adversarial": 10.0}),
        (FactorVAESpec, ("model", "critic"), {"total_correlation": 10.0}),
        (VAEGANSpec, ("encoder", "decoder", "critic"), {"decoder.feature_error": 1.0}),
    ],
)
def test_a_game_says_who_plays_and_which_terms_have_a_weight(game: Any, players: Any, weights: Any) -> None:
    objective = declared(game)
    assert objective.players == players
    assert {name: weight.number for name, weight in objective.weights().items()} == weights
    assert objective.player("critic") is objective.critic
    own = {"encoder": AAESpec, "decoder": VAEGANSpec}
    for name in ("encoder", "decoder"):
        assert objective.player(name) == (PlayerSpec() if own[name] is game else None)


def test_critics_read_codes_as_vectors_and_samples_as_they_are() -> None:
    assert [declared(game).critic_input(spec_of()) for game in GAMES] == [(6,), (6,), (6,), (1, 4, 4)]
    layers = [{"type": "flatten"}]
    for game, width in zip(GAMES, (6, 6, 6, 16), strict=True):
        assert declared(game, critic={"layers": layers}).parameters(spec_of()) == width + 1


@pytest.mark.parametrize("game", GAMES)
def test_a_game_that_draws_codes_needs_a_prior_that_is_there_in_training(game: Any) -> None:
    def messages_for(prior: Any) -> list[str]:
        return [remark.message for remark in declared(game).remarks(spec_of(latent=SimpleNamespace(prior=prior)))]

    fitted = SimpleNamespace(fitted=True, tag=lambda: "fitted_gaussian")
    start = f"{game.tag()} draws codes from the prior in training, and the latent "
    if game is FactorVAESpec:
        assert messages_for(None) == messages_for(fitted) == []
    else:
        faults = [f"{start}has no prior"], [f"{start}has a prior, 'fitted_gaussian', that is fitted after training"]
        assert [[m for m in messages_for(prior) if m.startswith(start)] for prior in (None, fitted)] == [*faults]


@pytest.mark.parametrize(
    ("game", "key", "doubted"),
    [
        (AAESpec, "total", False),
        (WAEGANSpec, "total", True),
        (WAEGANSpec, "reconstruction", False),
        (FactorVAESpec, "total", True),
        (FactorVAESpec, "reconstruction", False),
        (VAEGANSpec, "feature_error", True),
        (VAEGANSpec, "last", False),
    ],
)
def test_the_output_of_a_critic_does_not_choose_weights(game: Any, key: str, doubted: bool) -> None:
    objective = declared(game, critic={"layers": [{"type": "flatten"}]})
    levels = [remark.level for remark in objective.remarks(spec_of(training=SimpleNamespace(best_by=key)))]
    assert levels == ["warning"] * doubted


def test_a_code_of_one_value_has_no_total_correlation() -> None:
    assert [remark.hint for remark in declared(FactorVAESpec).remarks(spec_of(code_shape=(1,)))] == [
        "latent.dim = 2 or more"
    ]
    assert list(declared(FactorVAESpec).remarks(spec_of(code_shape=(2,)))) == []


@pytest.mark.parametrize(("width", "applies"), [(1, False), (2, True), (512, True), (513, False)])
def test_total_correlation_is_of_two_values_and_up_to_512(width: int, applies: bool) -> None:
    assert TotalCorrelationSpec.applies(spec_of(code_shape=(width,))) is applies


def test_the_discrepancy_wants_a_prior() -> None:
    assert MMDSpec.applies(spec_of())
    assert not MMDSpec.applies(spec_of(latent=SimpleNamespace(prior=None)))


def test_metrics_of_codes_are_of_drawn_ones() -> None:
    assert MMDSpec.noisy
    assert TotalCorrelationSpec.noisy


def test_a_game_of_codes_measures_a_rate() -> None:
    assert [game.rate for game in GAMES] == [True, True, False, False]
    assert [game.draws for game in GAMES] == [True, True, False, True]


def test_a_map_to_one_logit_follows_the_last_layer() -> None:
    critic = declared(AAESpec, critic={"layers": [{"type": "linear", "features": 3}]}).critic
    assert critic.parameters((6,)) == 6 * 3 + 3 + 3 + 1
    assert sum(value.numel() for value in critic.build((6,)).parameters()) == critic.parameters((6,))


@pytest.mark.parametrize("objective", ["aae", "wae_gan", "vae_gan"])
def test_games_by_draws_of_the_code_refuse_levels_below_it(objective: str) -> None:
    critic = {"critic": {"layers": [{"type": "linear", "features": 8}]}}
    document = {
        "name": "levels",
        "input": [8],
        "encoder": [{"type": "linear", "features": 6}],
        "latent": {"type": "gaussian", "dim": 2},
        "decoder": [
            {"type": "stochastic", "dim": 2, "reads": "encoder.0"},
            {"type": "linear", "features": 8, "activation": "identity"},
        ],
        "regularizers": {"kl": {}},
        "objective": {"type": f"adversarial:{objective}", **critic},
        "training": {"best_by": "last"},
    }
    with pytest.raises(SpecError, match="the decoder draws levels of its own below it"):
        aezoo.read(document)
