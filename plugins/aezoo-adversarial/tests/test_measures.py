"""How far codes are from the prior and from independence, against closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from aezoo_adversarial.measures import DIRECTIONS, Discrepancy, TotalCorrelation, gaussian_total_correlation
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from aezoo.nn.prior import StandardNormal


class _Out:
    """As much of a pass as a measure reads."""

    def __init__(self, z: Tensor) -> None:
        self.code = type("Code", (), {"z": z})
        self.model = type("Model", (), {"prior": StandardNormal(tuple(z.shape[1:]))})


def fed(measure: Any, z: Tensor, batch: int = 1000) -> Any:
    for chunk in z.split(batch):
        measure.update(_Out(chunk))
    return measure


def codes(n: int, width: int, *, mean: float = 0.0, deviation: float = 1.0, seed: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return mean + deviation * torch.randn(n, width, generator=generator)


def between(measure: Discrepancy, mean: float, deviation: float) -> float:
    """Between N(mean, deviation^2 I) and N(0, I) under the very kernel of the measure: a mean over its directions."""
    w = measure.directions.double()  # [D, directions]
    square = w.square().sum(dim=0)
    cross = (-square * (1 + deviation**2) / 2).exp() * (mean * w.sum(dim=0)).cos()
    return float(((-square * deviation**2).exp() + (-square).exp() - 2 * cross).mean())


@pytest.mark.parametrize(
    ("mean", "deviation"), [(0.0, 1.0), (0.5, 1.0), (2.0, 1.0), (0.0, 0.5), (0.0, 2.0), (1.0, 0.1)]
)
def test_the_discrepancy_of_gaussians_is_the_closed_form_of_its_kernel(mean: float, deviation: float) -> None:
    measure = fed(Discrepancy(), codes(50_000, 8, mean=mean, deviation=deviation))
    # Features are at most 1 long, so a mean of 20,000 (the prior's) is off by 0.007 at most: squared where the two are
    # alike, and times twice their distance where they are not.
    truth = between(measure, mean, deviation)
    assert measure.result() == pytest.approx(truth, abs=3e-4 + 0.02 * math.sqrt(truth))


def test_alike_codes_are_told_from_others_in_a_thousand() -> None:
    alike = [fed(Discrepancy(), codes(1000, 8, seed=seed)).result() for seed in range(10)]
    wider = [fed(Discrepancy(), codes(1000, 8, deviation=1.2, seed=seed)).result() for seed in range(10)]
    assert max(alike) < min(wider)
    # Unbiased: about as often below zero as above. That all ten fall on one side has a chance of 1 in 500.
    assert min(alike) < 0 < max(alike)


@pytest.mark.parametrize("width", [2, 8, 64])
def test_the_kernel_is_near_a_gaussian_of_the_width_of_the_code(width: int) -> None:
    measure = fed(Discrepancy(), codes(2, width))
    a, b = codes(500, width, seed=1), codes(500, width, seed=2)
    kernel = (measure._features(a) * measure._features(b)).sum(dim=1)
    expected = (-(a - b).double().square().sum(dim=1) / (2 * width)).exp()
    # A mean of so many cosines, each of a standard deviation of at most 1: five standard errors.
    torch.testing.assert_close(kernel.double(), expected, rtol=0, atol=5 / math.sqrt(DIRECTIONS))


def test_the_pairs_of_a_code_with_itself_are_left_out() -> None:
    measure = fed(Discrepancy(), codes(7, 3))
    features = measure._features(codes(7, 3)).double()
    gram = features @ features.T
    prior = measure.prior / 20_000
    own = (gram.sum() - gram.trace()) / (7 * 6)
    drawn = (measure.prior @ measure.prior - 20_000) / (20_000 * 19_999)
    expected = own + drawn - 2 * features.mean(dim=0) @ prior
    assert measure.result() == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("measure", [Discrepancy, TotalCorrelation])
def test_how_codes_are_cut_into_batches_changes_nothing(measure: type[Any]) -> None:
    z = codes(1000, 4, mean=0.3)
    whole, cut = (fed(measure(), z, batch).result() for batch in (1000, 77))
    assert whole == pytest.approx(cut, rel=1e-5)


@pytest.mark.parametrize("measure", [Discrepancy, TotalCorrelation])
def test_too_few_codes_say_nothing(measure: type[Any]) -> None:
    assert math.isnan(measure().result())
    assert math.isnan(fed(measure(), codes(1, 4)).result())


def test_codes_on_a_grid_are_taken_as_vectors() -> None:
    z = codes(2000, 8)
    for measure in (Discrepancy, TotalCorrelation):
        flat, grid = fed(measure(), z).result(), fed(measure(), z.view(-1, 2, 2, 2)).result()
        assert flat == pytest.approx(grid, rel=1e-6)


@settings(deadline=None, derandomize=True)
@given(correlation=st.floats(-0.99, 0.99))
def test_two_values_of_a_gaussian_have_half_a_log_of_what_they_leave_unexplained(correlation: float) -> None:
    covariance = torch.tensor([[4.0, 6.0 * correlation], [6.0 * correlation, 9.0]], dtype=torch.float64)
    expected = -math.log1p(-(correlation**2)) / 2
    assert gaussian_total_correlation(covariance) == pytest.approx(expected, abs=1e-12)


def test_equal_correlations_have_the_determinant_of_the_book() -> None:
    width, r = 5, 0.6
    covariance = (1 - r) * torch.eye(width, dtype=torch.float64) + r
    determinant = (1 - r) ** (width - 1) * (1 + (width - 1) * r)
    assert gaussian_total_correlation(covariance) == pytest.approx(-math.log(determinant) / 2, abs=1e-12)


def test_independent_values_have_none_and_a_copied_value_has_no_bound() -> None:
    assert gaussian_total_correlation(torch.diag(torch.tensor([1.0, 5.0, 0.1]))) == pytest.approx(0, abs=1e-6)
    assert gaussian_total_correlation(torch.ones(2, 2)) == math.inf


def test_the_total_correlation_of_drawn_codes_is_that_of_their_covariance() -> None:
    factor = torch.tensor([[1.0, 0.0], [2.0, 1.0]])
    z = 10 + codes(100_000, 2) @ factor.T
    truth = gaussian_total_correlation(factor @ factor.T)
    # Its standard error is the correlation, 0.9, over the root of the number of codes: 0.003, four of them.
    assert fed(TotalCorrelation(), z).result() == pytest.approx(truth, abs=0.012)


def test_a_large_mean_does_not_drown_the_correlation() -> None:
    factor = torch.tensor([[1.0, 0.0], [2.0, 1.0]])
    z = codes(2000, 2) @ factor.T
    near, far = (fed(TotalCorrelation(), z + mean).result() for mean in (0.0, 4096.0))
    # float32 holds the shifted codes to 5e-4.
    assert far == pytest.approx(near, abs=2e-3)
