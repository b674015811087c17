"""Deep SVDD: distances and centre by hand, what is refused, and a model without a decoder from train to card."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_oneclass.svdd import SVDD, Centered, CenteredCode, away_from_zero

import aezoo
from aezoo.building.builder import build, objective_of
from aezoo.cli import main
from aezoo.data.batches import Batches
from aezoo.errors import AnswerNo, SpecError, UsageError
from aezoo.nn.code import Output
from aezoo.reading.reader import check
from aezoo.spec.samples import Samples
from aezoo.training.preparation import prepare

LINEAR = {"type": "linear", "features": 8, "bias": False}


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "name": "svdd",
        "input": [6],
        "encoder": [LINEAR],
        "latent": {"type": "oneclass:centered", "dim": 3},
        "decoder": "none",
        "objective": "oneclass:svdd",
        "training": {"steps": 60, "batch_size": 32, "optimizer": {"type": "adam", "lr": 0.003}},
        **changes,
    }


def faults(**changes: Any) -> list[tuple[str, str, str]]:
    try:
        found = check(spec(**changes))[1]
    except SpecError as error:
        found = list(error.faults)
    return [(fault.code, fault.place, fault.hint) for fault in found]


def normal_samples(n: int = 200) -> np.ndarray:
    """On a line through (1, 1, 1, 0, 0, 0)."""
    rng = np.random.default_rng(0)
    return (rng.normal(3.0, 0.5, (n, 1)) * [1, 1, 1, 0, 0, 0] + rng.normal(0, 0.05, (n, 6))).astype("float32")


# --- formulas ------------------------------------------------------------------------------------------------


def test_the_score_is_the_squared_distance_from_the_centre_and_the_loss_its_mean() -> None:
    z = torch.tensor([[1.0, 2.0], [4.0, 6.0]])
    center = torch.tensor([1.0, 2.0])
    out = Output(SimpleNamespace(), z, z, CenteredCode(z, z - center), z, {})
    assert SVDD().score(out).tolist() == [0.0, 25.0]
    assert SVDD()(out, "model")["distance"].item() == 12.5


def test_a_code_is_a_linear_map_and_its_offset_the_difference_from_the_centre() -> None:
    latent = Centered(4, 2)
    latent.center.copy_(torch.tensor([0.5, -1.0]))
    h = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(0))
    code = latent(h)
    torch.testing.assert_close(code.z, h.flatten(1) @ latent.project.weight.T)
    torch.testing.assert_close(code.offset, code.z - torch.tensor([0.5, -1.0]))
    assert torch.equal(latent(torch.zeros(1, 4)).z, torch.zeros(1, 2))


def test_no_value_of_a_centre_is_near_zero() -> None:
    center = torch.tensor([0.0, 0.05, -0.05, 0.1, -0.3, 2.0])
    torch.testing.assert_close(away_from_zero(center), torch.tensor([0.1, 0.1, -0.1, 0.1, -0.3, 2.0]))


def test_the_centre_is_the_mean_code_of_the_first_batch() -> None:
    model = build(spec(), seed=0)
    objective = objective_of(model, steps=10).train()
    batches = Batches(Samples(normal_samples(), "line"), model.spec)
    first = next(batches.epoch(0, 32, model.spec.training.seed))
    prepare(objective, batches, model.spec.training)
    expected = away_from_zero(model.network.code_of(first.x).mean(dim=0).detach())
    torch.testing.assert_close(model.network.latent.center, expected)


# --- what is refused -----------------------------------------------------------------------------------------


def test_biases_norms_and_bounded_activations_are_refused_where_they_stand() -> None:
    cure = 'bias = false, norm = "none"'
    assert faults() == []
    assert faults(encoder=[LINEAR, {"type": "linear", "features": 8}]) == [("AZ505", "encoder[1]", cure)]
    assert faults(encoder=[{**LINEAR, "norm": "batch"}]) == [("AZ505", "encoder[0]", cure)]
    assert faults(encoder=[{**LINEAR, "activation": "tanh"}]) == [("AZ505", "encoder[0]", 'activation = "relu"')]
    body = {"type": "residual", "body": [{"type": "linear", "features": 8}]}
    assert faults(encoder=[LINEAR, body]) == [("AZ505", "encoder[1].body[0]", cure)]
    condition = {"type": "condition", "reads": "encoder.0"}
    assert faults(encoder=[LINEAR, condition]) == [("AZ505", "encoder[1]", cure)]


def test_another_latent_has_no_centre() -> None:
    (fault,) = faults(latent={"type": "deterministic", "dim": 3})
    assert fault[:2] == ("AZ501", "objective")


def test_decoder_and_likelihood_are_refused_with_what_to_write() -> None:
    assert faults(decoder="mirror") == [("AZ522", "objective", 'decoder = "none"')]
    assert faults(likelihood="mse") == [("AZ522", "likelihood", "leave likelihood out")]
    assert faults(objective="standard")[0] == (
        "AZ522",
        "decoder",
        "leave decoder out, or take an objective that needs none",
    )
    assert faults(regularizers={"l2": {"on": "output"}})[0][:2] == ("AZ502", "regularizers.l2.on")
    assert faults(constraints={"unit_norm": {"on": "decoder"}})[0][:2] == ("AZ503", "constraints.unit_norm.on")


# --- in use --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model."""
    path = tmp_path_factory.mktemp("runs") / "svdd"
    aezoo.train(spec(), normal_samples(), out=path, device="cpu")
    return path


def test_what_lies_off_the_line_has_a_higher_score(folder: Path) -> None:
    model = aezoo.load(folder)
    usual = model.score(normal_samples(50))
    unusual = model.score(np.roll(normal_samples(50), 3, axis=1))
    assert np.median(unusual) > 3 * np.median(usual)


def test_a_loaded_model_scores_by_the_distance_of_its_codes(folder: Path) -> None:
    model, x = aezoo.load(folder), normal_samples(5)
    offsets = model.encode(x) - model.network.latent.center.numpy()
    np.testing.assert_allclose(model.score(x), (offsets**2).sum(1), rtol=1e-5)
    np.testing.assert_array_equal(model.score(x), model.score(x, by="objective"))
    np.testing.assert_allclose(model.encode(x, what="offset"), offsets, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("verb", ["reconstruct", "decode", "sample", "interpolate"])
def test_what_wants_a_decoder_says_in_one_line_that_there_is_none(folder: Path, verb: str) -> None:
    model, x = aezoo.load(folder), normal_samples(2)
    calls = {
        "reconstruct": lambda: model.reconstruct(x),
        "decode": lambda: model.decode(x[:, :3]),
        "sample": lambda: model.sample(2),
        "interpolate": lambda: model.interpolate(x[0], x[1]),
    }
    with pytest.raises(AnswerNo, match="svdd has no decoder: it makes codes, and no data of them") as caught:
        calls[verb]()
    assert caught.value.hint == "it can encode and score"


def test_no_other_score_is_made_up(folder: Path) -> None:
    model = aezoo.load(folder)
    with pytest.raises(AnswerNo, match="has no decoder"):
        model.score(normal_samples(2), by="reconstruction")
    plain = build({"name": "plain", "input": [6], "latent": {"type": "deterministic", "dim": 2}})
    with pytest.raises(UsageError, match="the objective 'standard' has no score"):
        plain.score(normal_samples(2), by="objective")


def test_metrics_of_reconstructions_do_not_apply(folder: Path) -> None:
    scores = json.loads((folder / "metrics.json").read_text())
    assert set(scores["metrics"]) == {"latent_rank"}
    assert scores["baseline"] == {}
    assert faults(metrics=[{"type": "mse"}]) == [("AZ505", "metrics[0]", "leave it out")]


def test_the_card_says_what_it_can_do_and_shows_no_picture(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert "An encoder, without a decoder, of vectors [6]" in card
    assert "`model.score(data)` says how strange each sample is." in card
    assert "It has no decoder, so it can neither reconstruct nor draw samples." in card
    assert "likelihood" not in card
    assert "reconstruct(" not in card
    assert not list(folder.glob("samples/*"))


def test_a_spec_reads_back_as_it_was_and_shows_its_loss(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parsed = aezoo.read(spec())
    assert "likelihood" not in parsed.document()
    assert aezoo.read(parsed.document()) == parsed
    with pytest.raises(SystemExit) as ended:
        main(["show", str(folder)])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "loss = distance (oneclass:svdd)" in shown
    assert "likelihood" not in shown
