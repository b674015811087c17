from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.distributions import Normal, kl_divergence

from aezoo.nn.code import GaussianCode, Output
from aezoo.nn.divergence import Rate, kl_to_standard_normal, rate, rate_values
from aezoo.nn.latent import DiagonalGaussian
from aezoo.nn.prior import Mixture, StandardNormal


def passed(mean, logvar, prior=None, z=None):
    """A pass of a Gaussian latent, trained with N(0, I) unless another prior is given."""
    model = SimpleNamespace(latent=DiagonalGaussian(), rate_prior=prior or StandardNormal(()))
    code = GaussianCode(mean if z is None else z, mean, logvar)
    return Output(model, mean, mean, code, mean, {})


def test_a_shifted_unit_normal_costs_half_its_squared_shift():
    mean = torch.tensor([[3.0, 4.0]])
    assert kl_to_standard_normal(mean, torch.zeros(1, 2)).item() == 12.5


@given(mean=st.floats(-8, 8), logvar=st.floats(-8, 8))
def test_kl_agrees_with_torch_distributions(mean, logvar):
    mean, logvar = torch.tensor([[mean]]).double(), torch.tensor([[logvar]]).double()
    expected = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(kl_to_standard_normal(mean, logvar), expected)


def test_kl_sums_over_a_spatial_code_and_averages_over_the_batch():
    mean, logvar = torch.randn(5, 2, 3, 3).double(), torch.randn(5, 2, 3, 3).double()
    expected = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(0.0, 1.0)).sum() / 5
    torch.testing.assert_close(Rate()(passed(mean, logvar)), expected)


def test_free_bits_hold_each_value_of_the_code_from_below():
    mean = torch.tensor([[0.0, 2.0], [0.0, 4.0]])  # batch means of the KL: 0 and (2 + 8) / 2
    assert Rate(free_bits=0.5)(passed(mean, torch.zeros(2, 2))).item() == 5.5


def test_a_value_below_its_free_bits_has_no_gradient():
    mean = torch.tensor([[0.1, 2.0]], requires_grad=True)
    Rate(free_bits=0.5)(passed(mean, torch.zeros(1, 2))).backward()
    assert mean.grad.tolist() == [[0.0, 2.0]]


def test_capacity_is_a_distance_from_both_sides():
    below, above = torch.tensor([[2.0]]), torch.tensor([[4.0]])  # KL 2 and 8
    term = Rate(capacity=5.0)
    assert term(passed(below, torch.zeros(1, 1))).item() == 3.0
    assert term(passed(above, torch.zeros(1, 1))).item() == 3.0


def test_free_bits_are_taken_of_the_batch_mean_and_not_of_each_sample():
    # KL of the samples: 0 and 2 in the first value, 0.02 and 0.08 in the second: means 1 and 0.05.
    mean = torch.tensor([[0.0, 0.2], [2.0, 0.4]])
    assert Rate(free_bits=0.5)(passed(mean, torch.zeros(2, 2))).item() == pytest.approx(1.5)


def test_without_free_bits_and_capacity_the_term_is_the_kl():
    # The batch means are 1 and 0.05.
    mean = torch.tensor([[0.0, 0.2], [2.0, 0.4]])
    assert Rate()(passed(mean, torch.zeros(2, 2))).item() == pytest.approx(1.05)


def test_a_posterior_close_to_the_prior_keeps_its_digits():
    # (exp(v) - 1 - v) / 2 is v^2 / 4 for a small v; exp(v) - 1 in float32 would be off by a tenth.
    cost = kl_to_standard_normal(torch.zeros(1, 1), torch.full((1, 1), 1e-3))
    assert cost.item() == pytest.approx(2.5e-7, rel=1e-3)


def test_the_kl_of_a_sample_is_summed_over_all_values_of_its_code():
    mean = torch.tensor([[[3.0, 0.0], [1.0, 2.0]], [[0.0, 0.0], [0.0, 4.0]]])
    assert kl_to_standard_normal(mean, torch.zeros(2, 2, 2)).tolist() == [7.0, 8.0]


def test_free_bits_of_a_code_on_a_grid_are_those_of_each_of_its_values():
    mean = torch.tensor([[[3.0, 0.0], [1.0, 2.0]], [[0.0, 0.0], [0.0, 4.0]]])  # batch means 2.25, 0, 0.25 and 5
    assert Rate(free_bits=0.5)(passed(mean, torch.zeros(2, 2, 2))).item() == 2.25 + 0.5 + 0.5 + 5


# --- other priors and posteriors ----------------------------------------------------------------------------


class Shifted(nn.Module):
    """N(1, 1) over each value of a code."""

    def log_prob(self, z):
        return Normal(1.0, 1.0).log_prob(z).flatten(1).sum(dim=1)


def test_against_a_prior_without_a_closed_form_the_rate_is_the_log_ratio_at_the_draw():
    mean, logvar = torch.tensor([[0.0, 2.0]]).double(), torch.tensor([[0.0, 0.5]]).double()
    z = torch.tensor([[0.5, -1.0]]).double()
    expected = (Normal(mean, (logvar / 2).exp()).log_prob(z) - Normal(1.0, 1.0).log_prob(z)).sum()
    out = passed(mean, logvar, Shifted(), z)
    torch.testing.assert_close(rate(out)[0], expected)
    assert rate_values(out).shape == (1, 1)


def test_on_average_over_draws_the_rate_is_the_divergence():
    torch.manual_seed(0)
    mean, logvar = torch.tensor([[0.3, -1.2]]).double(), torch.tensor([[0.4, -0.7]]).double()
    out = passed(mean.expand(200_000, 2), logvar.expand(200_000, 2), Shifted())
    drawn = out._replace(code=out.model.latent.redraw(out.code, torch.Generator().manual_seed(0)))
    expected = kl_divergence(Normal(mean, (logvar / 2).exp()), Normal(1.0, 1.0)).sum()
    # Five standard errors of 200 000 draws whose deviation is about 1.5.
    assert rate(drawn).mean().item() == pytest.approx(expected.item(), abs=0.017)


def test_free_bits_without_a_closed_form_are_those_of_the_whole_code():
    mean = torch.zeros(2, 2)
    out = passed(mean, mean, Shifted(), z=mean)  # log q - log p at z = 0 is 1/2 a value
    assert Rate()(out).item() == pytest.approx(1.0)
    assert Rate(free_bits=1.5)(out).item() == 1.5
    assert Rate(free_bits=0.6)(out).item() == pytest.approx(1.0)  # and not 2 * 0.6


def test_a_prior_that_learns_is_moved_by_the_rate_to_where_the_codes_are():
    prior = Mixture((1,), 1)
    generator = torch.Generator().manual_seed(0)
    mean, logvar = torch.full((512, 1), 3.0), torch.full((512, 1), -20.0)
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.05)
    for _ in range(400):
        out = passed(mean + torch.randn(512, 1, generator=generator), logvar, prior)
        out = out._replace(code=out.model.latent.redraw(out.code, generator))
        optimizer.zero_grad()
        Rate()(out).backward()
        optimizer.step()
    assert prior.mean.item() == pytest.approx(3.0, abs=0.1)
    assert prior.logvar.item() == pytest.approx(0.0, abs=0.2)


def test_the_term_keeps_the_name_that_plugins_may_import_it_by():
    from aezoo.nn.divergence import StandardNormalKL

    assert StandardNormalKL is Rate
