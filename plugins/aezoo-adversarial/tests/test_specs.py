"""Specs with a critic: those that are shipped, and what is refused and doubted."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch

import aezoo
from aezoo.building.builder import objective_of
from aezoo.errors import SpecError
from aezoo.reading.reader import check

README = Path(__file__).parent.parent / "README.md"
SHIPPED = sorted(Path(str(files("aezoo_adversarial"))).glob("specs/*.toml"))
NORMAL = {"type": "deterministic", "dim": 3, "prior": "standard_normal"}
FLAT = [{"type": "flatten"}, {"type": "linear", "features": 8}]


def spec(objective: str, latent: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A spec with one of the games; what is in `changes` and no slot is of the game."""
    slots = {name: changes.pop(name) for name in ("regularizers", "training") if name in changes}
    if objective == "vae_gan":
        changes.setdefault("critic", {"layers": FLAT})
    return {
        "name": "tiny",
        "input": [1, 8, 8],
        "encoder": FLAT,
        "latent": latent or NORMAL,
        "objective": {"type": f"adversarial:{objective}", **changes},
        "training": {"best_by": "last"},
        **slots,
    }


def doubts(document: dict[str, Any]) -> list[str]:
    return [f"{fault.code} {'.'.join(map(str, fault.path))}: {fault.message}" for fault in check(document)[1]]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_spec_reads_without_a_doubt_builds_and_takes_a_step(path: Path) -> None:
    read, lints = check(path)
    assert lints == []
    model = aezoo.build(read)
    assert sum(p.numel() for p in model.network.parameters()) == read.parameters
    beside = objective_of(model, steps=1).auxiliary_state
    assert sum(value.numel() for value in beside.values()) == read.objective.parameters(read)
    fewer = ["data.n=500"] if "n" in type(read.data).model_fields else []  # type: ignore[arg-type]
    run = aezoo.train(aezoo.read(path, overrides=["training.steps=1", *fewer]))
    assert run.record["steps"] == 1
    assert not all(torch.equal(value, beside[name]) for name, value in run.auxiliary_state.items())


def test_there_is_a_spec_for_each_game() -> None:
    assert {aezoo.read(path).objective.tag().partition(":")[2] for path in SHIPPED} == {
        "aae",
        "wae_gan",
        "factor_vae",
        "vae_gan",
    }


def test_checking_a_spec_imports_no_torch() -> None:
    code = f"import aezoo, sys; aezoo.read({str(SHIPPED[0])!r}).taps; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["aae", "wae_gan", "vae_gan"])
@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({}, "the latent has no prior"),
        ({"prior": "fitted_gaussian"}, "'fitted_gaussian', that is fitted after training"),
    ],
)
def test_a_game_that_draws_codes_wants_a_prior_to_draw_from(name: str, prior: dict[str, str], message: str) -> None:
    with pytest.raises(SpecError, match=rf"AZ505\]: objective: adversarial:{name} draws.*{message}.*standard_normal"):
        aezoo.read(spec(name, {"type": "deterministic", "dim": 3, **prior}))


def test_independence_wants_no_prior() -> None:
    assert doubts(spec("factor_vae", {"type": "deterministic", "dim": 3})) == []


@pytest.mark.parametrize("name", ["wae_gan", "factor_vae"])
def test_totals_that_contain_the_output_of_a_critic_are_doubted(name: str) -> None:
    (message,) = doubts(spec(name, training={}))
    what = "the total contains the critic's output, and the critic changes: totals of two epochs do not compare"
    assert message == f"AZ505 objective: {what}"


def test_feature_errors_of_two_epochs_are_doubted() -> None:
    message = "AZ505 objective: features are the critic's, and the critic changes: errors of two epochs do not compare"
    assert doubts(spec("vae_gan", training={})) == [message]


def test_reconstructions_of_two_epochs_compare() -> None:
    assert doubts(spec("aae", training={})) == []


def test_the_total_correlation_of_one_value_is_doubted() -> None:
    messages = doubts(spec("factor_vae", {**NORMAL, "dim": 1}))
    assert messages == ["AZ505 objective: a code of one value has no total correlation"]


@pytest.mark.parametrize(
    ("critic", "message"),
    [
        (
            {"layers": [{"type": "conv", "channels": 3}]},
            r"objective\.critic: its layers do not fit its input: t",
        ),
        ({"layer": []}, r"objective\.critic\.layer: unknown key.*did you mean 'layers'"),
        ({"every": 0}, r"objective\.critic\.every: takes 1 or more, got 0"),
        ({"start": -1}, r"objective\.critic\.start: takes 0 or more, got -1"),
        ({"above": 0.7, "below": 0.3}, r"objective\.critic: no loss is above 0\.7 and below 0\.3"),
        ({"optimizer": {"type": "adamm"}}, r"objective\.critic\.optimizer.*adamm.*adam"),
    ],
)
def test_a_critic_that_cannot_be_is_refused_with_its_key(critic: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        aezoo.read(spec("aae", critic=critic))


def test_a_critic_of_samples_is_told_to_flatten_them() -> None:
    with pytest.raises(SpecError, match=r"objective\.critic: .*got 1x8x8; put a 'flatten' before it"):
        aezoo.read(spec("vae_gan", critic={}))


@pytest.mark.parametrize(("name", "player"), [("aae", "decoder"), ("wae_gan", "encoder"), ("vae_gan", "encoder")])
def test_a_player_that_has_no_table_is_refused(name: str, player: str) -> None:
    with pytest.raises(SpecError, match=rf"AZ203.*objective\.{player}: unknown key"):
        aezoo.read(spec(name, **{player: {}}))


def test_a_penalty_by_the_name_of_a_term_is_refused() -> None:
    with pytest.raises(SpecError, match=r"AZ506.*'adversarial' is the name of a term already"):
        aezoo.read(spec("wae_gan", regularizers={"adversarial": {"type": "l2", "on": "latent"}}))


def test_a_spec_is_the_same_through_its_text_with_all_of_its_players() -> None:
    for path in SHIPPED:
        read = aezoo.read(path)
        assert aezoo.read(read.document()) == read


def test_a_gate_that_is_not_said_changes_no_fingerprint_and_one_that_is_does() -> None:
    plain, gated = (aezoo.read(spec("aae", critic=critic)) for critic in ({}, {"above": 0.3}))
    assert plain.run != gated.run
    assert plain.arch == gated.arch


def test_the_spec_of_the_readme_reads_without_a_doubt() -> None:
    text = README.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    assert doubts(tomllib.loads(text)) == []
