"""`latent.scale`: codes that a user has are of another scale than those inside the model, and nothing else is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import SpecError

DATA = np.random.default_rng(0).normal(3.0, 2.0, size=(300, 6)).astype(np.float32)
TRAINING = {"steps": 5, "batch_size": 16, "seed": 0}


def spec(scale: Any = None, **latent: Any) -> dict[str, Any]:
    scaled = {} if scale is None else {"scale": scale}
    return {
        "name": "t",
        "input": {"kind": "vector", "shape": [6]},
        "latent": {"type": "gaussian", "dim": 3, **latent, **scaled},
        "likelihood": {"type": "gaussian"},
        "regularizers": {"kl": {"weight": 1.0}},
        "training": TRAINING,
    }


@pytest.mark.parametrize(("scale", "mean", "deviation"), [(0.18215, 0.0, 1 / 0.18215), ([0.5, 4.0], 0.5, 4.0)])
def test_a_scale_that_is_given_is_taken_out_by_encode_and_put_back_by_decode(scale, mean, deviation) -> None:
    plain, scaled = aezoo.build(spec()), aezoo.build(spec(scale))
    codes = plain.encode(DATA)
    np.testing.assert_allclose(scaled.encode(DATA), (codes - mean) / deviation, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scaled.decode((codes - mean) / deviation), plain.decode(codes), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scaled.sample(4), plain.sample(4), rtol=1e-4, atol=1e-5)
    line = plain.interpolate(DATA[0], DATA[1], 5)
    np.testing.assert_allclose(scaled.interpolate(DATA[0], DATA[1], 5), line, rtol=1e-4, atol=1e-4)


def test_rates_scores_and_reconstructions_are_of_codes_without_a_scale() -> None:
    plain, scaled = aezoo.build(spec()), aezoo.build(spec([5.0, 0.1]))
    assert np.array_equal(scaled.reconstruct(DATA), plain.reconstruct(DATA))
    assert np.array_equal(scaled.score(DATA, by="elbo"), plain.score(DATA, by="elbo"))
    assert np.array_equal(scaled.encode(DATA, what="mean"), plain.encode(DATA))
    assert list(scaled.network.state_dict()) == list(plain.network.state_dict())


@pytest.mark.filterwarnings("ignore")
def test_a_fitted_scale_is_the_mean_and_deviation_of_the_training_codes_and_is_saved(tmp_path) -> None:
    run = aezoo.train(spec("fitted"), DATA, out=tmp_path / "model", device="cpu")
    plain = aezoo.train(spec(), DATA, device="cpu")
    for name, value in plain.model.network.state_dict().items():
        assert torch.equal(run.model.network.state_dict()[name], value), "training does not know of it"
    codes = plain.model.encode(DATA)
    scaler = run.model.network.scaler
    np.testing.assert_allclose(run.model.encode(DATA), (codes - scaler.shift.numpy()) / scaler.scale.numpy(), atol=1e-5)
    # 80 % of the samples are the training split.
    np.testing.assert_allclose(scaler.shift.numpy(), codes.mean(axis=0), atol=0.2)
    np.testing.assert_allclose(scaler.scale.numpy(), codes.std(axis=0), rtol=0.1)
    assert run.scores is not None
    assert run.scores == plain.scores or run.scores.table() == plain.scores.table()
    loaded = aezoo.load(tmp_path / "model")
    assert np.array_equal(loaded.encode(DATA), run.model.encode(DATA))


def test_a_spatial_code_has_one_scale_for_each_channel() -> None:
    document = {
        "name": "t",
        "input": [1, 4, 4],
        "encoder": [{"type": "conv", "channels": 2, "stride": 2}],
        "latent": {"type": "deterministic", "dim": 3, "layout": "spatial", "scale": "fitted"},
    }
    scaler = aezoo.build(document).network.scaler
    assert scaler.shift.shape == scaler.scale.shape == (3, 1, 1)


def test_what_is_not_set_changes_no_fingerprint() -> None:
    assert aezoo.read(spec()).arch == aezoo.build(spec()).spec.arch != aezoo.read(spec(2.0)).arch
    assert "scale" not in aezoo.read(spec()).document()["latent"]


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (0.0, "or 1e-06 or more, or a list, got 0.0"),
        ([0.0, 0.0], "scale takes a deviation from 1e-06 to 1e\\+06, got 0"),
        ("learned", "takes one of 'fitted', or a number, or a list"),
    ],
)
def test_a_scale_that_no_code_can_have_is_refused(scale, message) -> None:
    with pytest.raises(SpecError, match=message):
        aezoo.read(spec(scale))
