"""Starts: a network with its first weights is the linear model in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aezoo.fitting.denoising import DenoisingJudge
from aezoo.fitting.facts import Facts, look
from aezoo.fitting.held_out import HeldOut
from aezoo.fitting.proposal import Proposal, proposals
from aezoo.fitting.purposes import Purpose
from aezoo.fitting.reconstruction import ReconstructionJudge
from aezoo.fitting.starts import start_of
from aezoo.model import Model
from tests.fitting.samples import SAMPLES


def facts_of(name: str, folder: Path) -> Facts:
    return look(SAMPLES[name](folder), words=True)


def started(facts: Facts, purpose: Purpose, folder: Path) -> dict[str, tuple[Proposal, Model, HeldOut]]:
    """By the name of its network: what was proposed, the model with its first weights, and the samples."""
    found = proposals(facts, purpose)
    held_out = HeldOut.of(found[0].spec)
    models = {}
    for each in found:
        if (start := start_of(each, purpose, held_out, folder)) is not None:
            start.model.network.eval()
            models[each.shape] = each, start.model, held_out
    return models


@pytest.mark.parametrize("name", ["vectors", "table", "signals", "images of bytes", "images of another range"])
def test_networks_for_features_begin_as_pca(tmp_path: Path, name: str) -> None:
    models = started(facts_of(name, tmp_path), "compress", tmp_path)
    assert {"linear", "dense"} <= set(models)
    assert "conv" not in models
    for _, model, held_out in models.values():
        compared = ReconstructionJudge(held_out, probes=False).compare(model)[0]
        assert compared.value == pytest.approx(compared.rivals[0].value, rel=1e-3)


def test_a_wiener_filter_is_where_denoising_begins(tmp_path: Path) -> None:
    models = started(facts_of("signals", tmp_path), "denoise", tmp_path)
    ((_, model, held_out),) = models.values()
    compared = DenoisingJudge(held_out).compare(model)[0]
    assert compared.value == pytest.approx(compared.rivals[0].value, rel=1e-3)
    assert compared.value < compared.rivals[1].value


def test_a_variational_network_begins_as_the_gaussian_of_the_samples(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(
        tmp_path / "x.npy",
        rng.normal(size=(400, 5)) @ np.diag([3.0, 2, 1, 1, 0.5]) @ np.linalg.qr(rng.normal(size=(5, 5)))[0],
    )
    models = started(look(tmp_path / "x.npy"), "anomaly", tmp_path)
    assert set(models) == {"linear", "dense", "dense-wide"}
    for name in ("linear", "dense"):
        _, model, held_out = models[name]
        train = held_out.batch("train").x.double()
        # Of a code of one value less than a sample probabilistic PCA is the Gaussian itself, and its bound is tight.
        gaussian = torch.distributions.MultivariateNormal(train.mean(dim=0), torch.cov(train.T, correction=0))
        x = held_out.batch("test").x
        scores = torch.from_numpy(model.score(x.numpy(), draws=128)).double()
        torch.testing.assert_close(scores, -gaussian.log_prob(x.double()), atol=0.4, rtol=0)  # of 128 draws


def test_gaps_are_no_values_of_a_start(tmp_path: Path) -> None:
    models = started(facts_of("table with gaps", tmp_path), "features", tmp_path)
    for _, model, held_out in models.values():
        compared = ReconstructionJudge(held_out, probes=False).compare(model)[0]
        # To a network a gap is the mean; the baseline fills it in.
        assert compared.value == pytest.approx(compared.rivals[0].value, rel=0.3)


@pytest.mark.parametrize("name", ["bits", "table with words"])
def test_where_no_linear_model_is_of_their_kind_networks_begin_at_random(tmp_path: Path, name: str) -> None:
    pytest.importorskip("aezoo_tables")
    assert started(facts_of(name, tmp_path), "features", tmp_path) == {}


def test_a_start_is_kept_and_taken_again(tmp_path: Path) -> None:
    facts = facts_of("vectors", tmp_path)
    each, model, held_out = started(facts, "features", tmp_path)["linear"]
    again = start_of(each, "features", held_out, tmp_path)
    assert again is not None
    assert again.source == str(tmp_path / "starts" / "linear")
    state = again.model.network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.network.state_dict().items())
