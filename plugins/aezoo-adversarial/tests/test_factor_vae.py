"""Codes with independent values: what is drawn, and what the critic's mean logit is."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from aezoo_adversarial.critic import Critic
from aezoo_adversarial.factor_vae import independent
from aezoo_adversarial.measures import gaussian_total_correlation
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor, nn


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@settings(deadline=None, derandomize=True)
@given(samples=st.integers(1, 9), width=st.integers(1, 12), seed=st.integers(0, 99))
def test_every_value_is_used_once_and_stays_in_its_place_of_the_code(samples: int, width: int, seed: int) -> None:
    z = torch.arange(samples * width, dtype=torch.float32).view(samples, width)
    drawn = independent(z, seeded(seed))
    torch.testing.assert_close(drawn.sort(dim=0).values, z, rtol=0, atol=0)


@settings(deadline=None, derandomize=True)
@given(samples=st.integers(2, 12), seed=st.integers(0, 99))
def test_no_two_values_of_a_code_are_of_one_sample(samples: int, seed: int) -> None:
    z = torch.arange(samples)[:, None].expand(-1, samples)  # a value says whose it is
    drawn = independent(z, seeded(seed))
    assert all(len(set(row)) == samples for row in drawn.tolist())


def test_any_two_samples_meet_equally_often() -> None:
    z = torch.arange(5)[:, None].expand(-1, 2)
    generator, runs = seeded(), 4000
    met = Counter(tuple(row) for _ in range(runs) for row in independent(z, generator).tolist())
    assert len(met) == 5 * 4
    # Each pair comes up in a quarter of the runs, with a standard deviation of 0.7 % of them: five of those.
    assert all(abs(count / runs - 0.25) < 5 * 0.007 for count in met.values())


def test_the_covariance_is_gone_and_the_variances_stay() -> None:
    generator = seeded()
    factor = torch.tensor([[1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [-1.0, 1.0, 0.5]])
    z = torch.randn(200_000, 3, generator=generator) @ factor.T
    drawn = independent(z, generator)
    expected = torch.diag((factor @ factor.T).diagonal())
    assert gaussian_total_correlation(z.T.cov()) > 1
    # Means of 200,000 products whose standard deviation is at most 5: errors of 0.011, five of them.
    torch.testing.assert_close(drawn.T.cov(), expected, rtol=0, atol=0.056)


def test_it_draws_from_the_generator_that_is_given() -> None:
    z = torch.randn(50, 4, generator=seeded())
    before = torch.get_rng_state()
    assert torch.equal(independent(z, seeded(3)), independent(z, seeded(3)))
    assert not torch.equal(independent(z, seeded(3)), independent(z, seeded(4)))
    assert torch.equal(torch.get_rng_state(), before)


class Ratio(nn.Module):
    """log N(z; 0, C) - log prod_j N(z_j; 0, C_jj), as features whose sum is the logit."""

    def __init__(self, covariance: Tensor) -> None:
        super().__init__()
        self.covariance = covariance

    def forward(self, z: Tensor) -> Tensor:
        joint = torch.distributions.MultivariateNormal(z.new_zeros(z.shape[1]), self.covariance)
        alone = torch.distributions.Normal(0.0, self.covariance.diagonal().sqrt())
        return (joint.log_prob(z) - alone.log_prob(z).sum(dim=1))[:, None]


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_the_mean_of_the_best_logit_is_the_total_correlation(correlation: float) -> None:
    covariance = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)
    critic = Critic([Ratio(covariance)], 1).double()
    nn.init.ones_(critic.score.weight)
    nn.init.zeros_(critic.score.bias)
    z = torch.randn(200_000, 2, generator=seeded(), dtype=torch.float64) @ torch.linalg.cholesky(covariance).T
    # The logit's standard deviation is the correlation, at most 0.9: four standard errors.
    assert critic(z).mean().item() == pytest.approx(gaussian_total_correlation(covariance), abs=0.008)
