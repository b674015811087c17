"""Walks from one sample to another through the code of a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import UsageError
from aezoo.model import Model


@pytest.fixture(scope="module")
def model() -> Model:
    latent = {"type": "deterministic", "dim": 3}
    return aezoo.build({"name": "linear", "input": [5], "latent": latent, "likelihood": "mse"}, seed=0)


def samples(n: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, 5)).astype(np.float32)


def test_a_walk_begins_and_ends_at_the_reconstructions(model: Model) -> None:
    a, b = samples(2)
    walk = model.interpolate(a, b, 5)
    assert walk.shape == (5, 5)
    np.testing.assert_allclose(walk[[0, -1]], model.reconstruct(np.stack([a, b])), atol=1e-6)


def test_halfway_a_linear_model_shows_the_mean(model: Model) -> None:
    walk = model.interpolate(*samples(2), steps=3)
    np.testing.assert_allclose(walk[1], (walk[0] + walk[2]) / 2, atol=1e-6)


def test_pairs_walk_side_by_side(model: Model) -> None:
    a, b = torch.from_numpy(samples(4)), torch.from_numpy(samples(8)[4:])
    walk = model.interpolate(a, b, steps=6)
    assert isinstance(walk, torch.Tensor)
    assert walk.shape == (4, 6, 5)
    torch.testing.assert_close(walk[2], model.interpolate(a[2], b[2], steps=6))


def test_one_step_and_unequal_sides_are_refused(model: Model) -> None:
    with pytest.raises(UsageError, match="1 steps lead nowhere"):
        model.interpolate(*samples(2), 1)
    with pytest.raises(UsageError, match="2 samples on one side, 3 on the other"):
        model.interpolate(samples(2), samples(3))
