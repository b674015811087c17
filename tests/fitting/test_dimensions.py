"""Dimensions: of clouds whose dimension is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aezoo.fitting.dimensions import components, intrinsic


def turned(x: np.ndarray, width: int, seed: int = 0) -> np.ndarray:
    """The samples in a space of more axes, turned at random."""
    axes = np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]
    return np.asarray(x @ axes[: x.shape[1]])


def test_components_are_counted_by_their_share_of_the_variance() -> None:
    rng = np.random.default_rng(0)
    x = np.linalg.qr(rng.normal(size=(500, 4)) - 0.0)[0]
    x -= x.mean(axis=0)
    x = np.linalg.qr(x)[0] * np.sqrt([70.0, 20.0, 9.0, 1.0])  # columns at right angles, of these sums of squares
    assert components(turned(x, 6), [0.7, 0.71, 0.9, 0.99, 1.0]) == [1, 2, 2, 3, 4]


def test_fewer_samples_than_values_give_the_same_count() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    assert components(turned(x, 200), [0.999]) == [3]
    assert components(np.ones((5, 2)), [0.9]) == [0]


def roll(t: np.ndarray, height: np.ndarray) -> np.ndarray:
    """The Swiss roll: a sheet that is rolled up."""
    return np.stack([t * np.cos(t), t * np.sin(t), height], axis=1)


@pytest.mark.parametrize(
    ("dimension", "cloud"),
    [
        (1, lambda rng: np.stack([np.cos(t := rng.uniform(0, 6.28, 800)), np.sin(t)], axis=1)),
        (2, lambda rng: rng.uniform(size=(800, 2))),
        (2, lambda rng: roll(rng.uniform(4, 12, 800), rng.uniform(0, 30, 800))),
        (5, lambda rng: rng.normal(size=(1000, 5))),
    ],
    ids=["circle", "square", "swiss roll", "ball of five"],
)  # fmt: skip
def test_neighbours_tell_the_dimension_of_a_manifold(dimension: int, cloud: object) -> None:
    x = turned(cloud(np.random.default_rng(1)), 12)  # type: ignore[operator]
    # The estimate's deviation is d / sqrt(n): 0.04 of one, 0.16 of five; its bias in five dimensions is some 5 %.
    assert intrinsic(x) == pytest.approx(dimension, abs=0.12 * dimension)
    assert intrinsic(100 * x + 7) == pytest.approx(intrinsic(x), rel=1e-3)


def test_samples_that_hardly_differ_have_no_dimension() -> None:
    assert math.isnan(intrinsic(np.zeros((100, 3))))
    assert math.isnan(intrinsic(np.random.default_rng(0).normal(size=(5, 3))))
    twice = np.repeat(np.random.default_rng(0).uniform(size=(400, 2)), 2, axis=0)
    assert intrinsic(twice) == pytest.approx(2, abs=0.3)
