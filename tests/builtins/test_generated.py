"""Generated sets against what is known about them."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aezoo.builtins.digits import DigitsSpec
from aezoo.builtins.generated import AR1Spec, GaussianSpec, SpritesSpec
from aezoo.builtins.sprites import draw_sprites
from aezoo.errors import DataError

SMALL = [
    SpritesSpec(n=40),
    SpritesSpec(n=40, channels=3),
    AR1Spec(n=40),
    GaussianSpec(n=40, eigenvalues=[2.0, 1.0]),
]


@pytest.mark.parametrize("part", SMALL, ids=lambda part: part.type)
def test_a_generated_set_depends_on_its_seed_alone(part):
    first, again = part.load(), part.load(seed=99)
    assert np.array_equal(first.values, again.values)
    other = part.model_copy(update={"seed": 1}).load()
    assert not np.array_equal(first.values, other.values)


@pytest.mark.parametrize("part", [*SMALL, DigitsSpec()], ids=lambda part: part.type)
def test_a_set_has_the_shape_it_announced(part):
    assert part.load().shape == part.sample_shape()
    assert not list(part.remarks(spec_of(part.sample_shape())))
    (remark,) = part.remarks(spec_of((7, 7, 7)))
    assert "the input is 7x7x7" in remark.message
    assert str(list(part.sample_shape())) in remark.hint


def test_shares_that_leave_nothing_to_train_on_are_refused():
    part = AR1Spec(validation=0.5, test=0.5)
    assert [remark.message for remark in part.remarks(spec_of((1, 64)))] == [
        "validation and test leave nothing to train on"
    ]


# --- sprites -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_equal_factors_give_equal_images(channels):
    samples = SpritesSpec(n=300, channels=channels).load()
    assert samples.factors.shape == (300, 5 if channels == 1 else 6)
    factors = np.tile(samples.factors[:, :5].astype(np.float64), (2, 1))
    images = draw_sprites(factors, 32)
    assert np.array_equal(images[:300], images[300:])
    light = samples.values.max(axis=1)  # the brightest channel of a colour is full
    assert np.array_equal(light, images[:300])


def test_the_factors_are_even_and_independent():
    factors = SpritesSpec(n=6000).load().factors
    levels = [len(np.unique(column)) for column in factors.T]
    assert levels == [3, 6, 40, 32, 32]
    # Five standard errors of a correlation of independent columns.
    assert np.abs(np.corrcoef(factors.T) - np.eye(5)).max() < 5 / 6000**0.5


@pytest.mark.parametrize(("kind", "area"), [(0, 2.0), (1, math.pi / 2), (2, None)])
@pytest.mark.parametrize("size", [32, 64])
def test_a_shape_has_its_area_and_lies_where_its_factors_say(kind, area, size):
    radius = size / 4 - 2
    for angle in (0.0, 0.7, 2.0):
        image = draw_sprites(np.array([[kind, 1.0, angle, 0.25, 0.75]]), size)[0] / 255
        if area is None:  # base at 0.6 radii below the centre, tip at 1 above: height 1.6, slope 0.9 to 0.436
            area = 1.6 * 1.6 * math.sqrt(1 - 0.9**2) / 0.9
        assert image.sum() == pytest.approx(area * radius**2, rel=0.03)  # soft edges round corners off
        if kind < 2:
            down, across = (np.indices(image.shape) + 0.5).reshape(2, -1) @ image.ravel() / image.sum()
            assert across == pytest.approx((0.25 / 2 + 0.25) * size, abs=0.05)
            assert down == pytest.approx((0.75 / 2 + 0.25) * size, abs=0.05)


def test_no_shape_leaves_the_image_and_each_has_soft_edges():
    images = SpritesSpec(n=500).load().values[:, 0]
    edges = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    assert edges.max() == 0
    assert images.reshape(500, -1).max(axis=1).min() == 255
    assert ((images > 0) & (images < 255)).any(axis=(1, 2)).all()


# --- AR(1) ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.9])
def test_ar1_has_the_covariance_rho_to_the_distance(rho):
    values = AR1Spec(n=20_000, length=8, rho=rho).load().values[:, 0]
    expected = rho ** np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    # Six standard errors of a sample covariance of unit variances: at most sqrt(2 / n) each.
    assert np.abs(values.T @ values / len(values) - expected).max() < 6 * math.sqrt(2 / 20_000)


def test_channels_of_ar1_are_independent():
    values = AR1Spec(n=20_000, length=1, channels=3).load().values[..., 0]
    assert np.abs(np.cov(values.T) - np.eye(3)).max() < 6 * math.sqrt(2 / 20_000)


# --- gaussian ------------------------------------------------------------------------------------------


def test_whitened_samples_have_the_covariance_exactly():
    covariance = [[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.5]]
    x = GaussianSpec(n=50, covariance=covariance, whiten=True).load().values
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-14)  # rounding of sums of fifty doubles
    np.testing.assert_allclose(x.T @ x / 50, covariance, atol=1e-13)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), st.integers(0, 5))
def test_the_covariance_has_the_eigenvalues(eigenvalues, seed):
    part = GaussianSpec(n=20, eigenvalues=eigenvalues, seed=seed, whiten=True)
    np.testing.assert_allclose(np.linalg.eigvalsh(part.matrix()), sorted(eigenvalues), atol=1e-11)
    x = part.load().values
    np.testing.assert_allclose(x.T @ x / 20, part.matrix(), atol=1e-10)


def test_plain_samples_have_the_covariance_on_average():
    x = GaussianSpec(n=40_000, covariance=[[2.0, 0.5], [0.5, 1.0]]).load().values
    # Six standard errors: sqrt(2) times the largest variance over root n.
    assert np.abs(np.cov(x.T) - [[2, 0.5], [0.5, 1]]).max() < 6 * 2 * math.sqrt(2 / 40_000)
    assert np.abs(x.mean(axis=0)).max() > 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "either covariance or eigenvalues"),
        ({"covariance": [[1.0]], "eigenvalues": [1.0]}, "either covariance or eigenvalues"),
        ({"covariance": [[1.0, 0.0]]}, "not square"),
        ({"covariance": []}, "not square"),
        ({"eigenvalues": []}, "not square"),
        ({"covariance": [[1.0, 2.0], [0.0, 1.0]]}, "not symmetric"),
        ({"covariance": [[1.0, 2.0], [2.0, 1.0]]}, "positive semidefinite"),
        ({"eigenvalues": [1.0, -0.5]}, "-0.5 is negative"),
        ({"eigenvalues": [1.0, 1.0], "n": 2, "whiten": True}, "more samples than dimensions"),
    ],
)
def test_what_is_no_distribution_is_refused_before_and_at_loading(fields, words):
    part = GaussianSpec(**fields)
    (remark,) = part.remarks(spec_of((1,)))
    assert words in remark.message
    with pytest.raises(DataError, match=words):
        part.load()


def spec_of(shape):
    return SimpleNamespace(input=SimpleNamespace(shape=shape), fields={})
