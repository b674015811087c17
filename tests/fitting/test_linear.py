"""Linear models: PCA with and without gaps, a Gaussian, a probe."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aezoo.fitting.errors_left import Guess, Principal
from aezoo.fitting.linear import normal, principal, told


def test_pca_is_that_of_a_singular_value_decomposition() -> None:
    x = (
        torch.randn(200, 6, generator=torch.Generator().manual_seed(0)).double()
        @ torch.diag(torch.arange(1.0, 7)).double()
    )
    found = principal(x, 2)
    mean = x.mean(dim=0)
    axes = torch.linalg.svd(x - mean, full_matrices=False)[2][:2].T
    torch.testing.assert_close(found.project(x), mean + (x - mean) @ axes @ axes.T)
    assert found.codes(x).shape == (200, 2)


def test_values_that_are_missing_are_found_where_the_rank_is_low() -> None:
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(300, 2, generator=generator) @ torch.randn(2, 8, generator=generator)).double() + 3
    known = torch.rand(300, 8, generator=generator) > 0.15
    spoilt = torch.where(known, x, 1e6)
    found = principal(spoilt, 2, known)
    # Thirty rounds, each of which takes away most of what is left of the error.
    error = (found.project(spoilt, known) - x).square().mean() / x.var()
    assert error < 1e-4
    by_mean = principal(torch.where(known, x, (x * known).sum(0) / known.sum(0)), 2)
    assert error < 0.01 * (by_mean.project(x) - x).square().mean() / x.var()


def test_distances_are_those_of_mahalanobis() -> None:
    x = np.random.default_rng(0).normal(size=(500, 4)) @ np.diag([1.0, 5.0, 0.1, 2.0])
    inverse = np.linalg.inv(np.cov(x.T, bias=True))
    expected = np.einsum("ni,ij,nj->n", x - x.mean(0), inverse, x - x.mean(0))
    # A ridge of a millionth of the mean variance is below a thousandth of the smallest.
    assert normal(torch.from_numpy(x)).distances(torch.from_numpy(x)).numpy() == pytest.approx(expected, rel=2e-3)


def test_draws_of_a_gaussian_have_its_moments() -> None:
    x = torch.tensor([[2.0, 1.0], [0.0, -1.0], [1.0, 3.0], [1.0, 1.0]]).double()
    drawn = normal(x).draw(20_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.mean(dim=0), x.mean(dim=0), atol=0.05, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(x.T, correction=0), atol=0.06, rtol=0)


def test_a_probe_tells_classes_that_a_line_separates_and_no_others() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(400, 2, generator=generator).double()
    by_line, by_circle = (codes[:, 0] > 0).long(), (codes.norm(dim=1) > 1.18).long()
    assert told(codes[:300], by_line[:300], codes[300:], by_line[300:]).mean() > 0.95
    assert told(codes[:300], by_circle[:300], codes[300:], by_circle[300:]).mean() < 0.65


def test_the_guess_leaves_all_of_its_error_and_a_perfect_estimate_none() -> None:
    x = torch.tensor([[0.0, 2.0], [2.0, 2.0], [4.0, 0.0], [2.0, 1.0]]).double()
    guess = Guess(x, None, (None, 3))
    assert guess.values.tolist() == [2.0, 2.0]
    assert guess.shares(x, guess.values.expand_as(x), None).mean().item() == pytest.approx(1)
    assert guess.shares(x, x, None).tolist() == [0.0] * 4
    # Numbers have a mean square of 2 about their mean; the class is guessed wrongly in half, which counts as 1.
    right_numbers = torch.stack([x[:, 0], guess.values[1].expand(4)], dim=1)
    assert guess.shares(x, right_numbers, None).mean().item() == pytest.approx(1 / 3)


def test_what_is_missing_counts_nowhere() -> None:
    x = torch.tensor([[1.0, 99.0], [3.0, 4.0], [5.0, 8.0]]).double()
    known = torch.tensor([[True, False], [True, True], [True, True]])
    guess = Guess(x, known, (None, None))
    assert guess.values.tolist() == [3.0, 6.0]
    assert guess.errors(x, torch.zeros_like(x), known).tolist() == [1.0, 25.0, 89.0]


def test_pca_of_classes_gives_classes_back() -> None:
    generator = torch.Generator().manual_seed(0)
    kind = torch.randint(0, 3, (200,), generator=generator).double()
    x = torch.stack([kind, kind * 2 + 0.01 * torch.randn(200, generator=generator)], dim=1)
    whole = Principal(x, None, (3, None), 4)
    torch.testing.assert_close(whole.estimate(x, None), x)
    one = Principal(x, None, (3, None), 2).estimate(x, None)
    assert ((one[:, 0] == kind).double().mean()) > 0.95
