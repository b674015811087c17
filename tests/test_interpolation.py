"""Walks from one sample to another through the code of a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import UsageError
from aezoo.model import Model
from tests.registries import registry_with
from tests.wrong_parts import NAMESPACE, TurnedSpec

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


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


def test_a_latent_with_a_way_of_its_own_is_asked_for_it() -> None:
    registry = registry_with(TurnedSpec, namespace=NAMESPACE)
    document = {"name": "sphere", "input": [5], "latent": {"type": "wrong:turned", "dim": 3}, "likelihood": "mse"}
    model = aezoo.build(aezoo.read(document, registry=registry), seed=0)
    a, b = samples(2)
    walk, codes = model.interpolate(a, b, 5), torch.from_numpy(model.encode(np.stack([a, b])))
    turn = torch.acos(codes[0] @ codes[1])
    slerp = [torch.sin((1 - t) * turn) * codes[0] + torch.sin(t * turn) * codes[1] for t in QUARTERS]
    np.testing.assert_allclose(walk, model.decode(torch.stack(slerp) / torch.sin(turn)), atol=1e-5)
    assert not np.allclose(walk[2], (walk[0] + walk[4]) / 2, atol=1e-3)
