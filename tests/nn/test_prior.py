import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from aezoo.errors import DataError, RunFailed
from aezoo.nn.prior import FittedGaussian, Mixture, StandardNormal


def codes(n=500, shape=(4,)):
    g = torch.Generator().manual_seed(0)
    dim = torch.Size(shape).numel()
    mix = torch.randn(dim, dim, generator=g)
    return (torch.randn(n, dim, generator=g) @ mix + 3).reshape(n, *shape)


def test_the_standard_normal_agrees_with_torch_distributions():
    z = torch.randn(5, 2, 3)
    torch.testing.assert_close(StandardNormal((2, 3)).log_prob(z), Normal(0.0, 1.0).log_prob(z).sum((1, 2)))


def test_a_fitted_gaussian_agrees_with_torch_distributions():
    z = codes()
    prior = FittedGaussian((4,)).double()
    prior.fit(z)
    reference = MultivariateNormal(z.double().mean(0), torch.cov(z.double().T, correction=0))
    # the ridge of 1e-6 of the mean variance
    torch.testing.assert_close(prior.log_prob(z.double()), reference.log_prob(z.double()), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2)])
def test_samples_of_a_fitted_gaussian_have_the_moments_of_the_codes(shape):
    z = codes(shape=shape)
    prior = FittedGaussian(shape)
    prior.fit(z)
    drawn = prior.sample(20_000, torch.Generator().manual_seed(1))
    assert drawn.shape == (20_000, *shape)
    wanted, got = torch.cov(z.flatten(1).T), torch.cov(drawn.flatten(1).T)
    # 20,000 draws: a covariance is known to about 1 % of the variances
    assert (wanted - got).abs().max() < 0.05 * wanted.diagonal().max()
    assert ((drawn.flatten(1).mean(0) - z.flatten(1).mean(0)).abs() < 0.05 * wanted.diagonal().sqrt()).all()


def test_dead_units_do_not_stop_the_fit():
    z = codes()
    z[:, 1] = 0
    prior = FittedGaussian((4,))
    prior.fit(z)
    # the dead unit keeps only the ridge, a millionth of the mean variance
    assert prior.sample(100)[:, 1].std() < 2e-3 * z.var(0).mean().sqrt()


def test_a_fitted_gaussian_refuses_to_sample_before_it_has_seen_codes():
    with pytest.raises(DataError, match="is not fitted yet") as caught:
        FittedGaussian((4,)).sample(3)
    assert "train" in caught.value.hint


def test_a_fit_survives_the_state_dict():
    prior, other = FittedGaussian((4,)), FittedGaussian((4,))
    prior.fit(codes())
    other.load_state_dict(prior.state_dict())
    z = codes(n=10)
    assert other.log_prob(z).equal(prior.log_prob(z))


def test_a_fit_needs_two_codes():
    with pytest.raises(DataError, match="at least 2 codes, got 1"):
        FittedGaussian((4,)).fit(codes(n=1))


def test_a_fit_refuses_codes_of_a_model_that_has_diverged():
    broken = codes(n=10)
    broken[3, 1] = float("nan")
    with pytest.raises(RunFailed, match="codes that are not finite"):
        FittedGaussian((4,)).fit(broken)


def test_a_standard_normal_leaves_nothing_to_save():
    assert not StandardNormal((4,)).state_dict()


#: Their mean is (1, 2); about it they are (-1, -2), (1, -1) and (0, 3).
THREE = torch.tensor([[0.0, 0.0], [2.0, 1.0], [1.0, 5.0]], dtype=torch.float64)
COVARIANCE = torch.tensor([[2.0, 1.0], [1.0, 14.0]], dtype=torch.float64) / 3  # over N, not N - 1


def fitted(codes, shape=None):
    prior = FittedGaussian(tuple(codes.shape[1:]) if shape is None else shape).double()
    prior.fit(codes)
    return prior


def test_three_codes_give_their_own_mean_and_covariance_and_a_millionth_of_the_mean_variance():
    prior = fitted(THREE)
    assert prior.mean.tolist() == [1.0, 2.0]
    ridge = prior.chol @ prior.chol.T - COVARIANCE
    # the mean variance is 8/3; 1e-15 are roundings of numbers around 5
    torch.testing.assert_close(ridge, torch.eye(2).double() * 8e-6 / 3, rtol=1e-5, atol=1e-15)


def test_codes_that_are_all_alike_get_a_deviation_of_a_millionth():
    prior = fitted(torch.full((3, 2), 7.0))
    torch.testing.assert_close(prior.chol, 1e-6 * torch.eye(2).double(), rtol=1e-12, atol=0)


def test_two_codes_are_enough_and_one_is_not():
    assert fitted(THREE[:2]).mean.tolist() == [1.0, 0.5]
    with pytest.raises(DataError, match="at least 2 codes, got 1"):
        fitted(THREE[:1])


def test_moments_are_taken_in_double_precision_and_without_a_graph():
    far = (THREE + 4096).float().requires_grad_()  # squares of 4096 leave float32 no digit of these variances
    prior = FittedGaussian((2,))
    prior.fit(far)
    torch.testing.assert_close(prior.chol @ prior.chol.T, COVARIANCE.float(), rtol=1e-4, atol=0)
    assert not prior.chol.requires_grad


def test_the_density_of_a_fitted_gaussian_at_its_mean_is_that_of_its_determinant():
    prior = fitted(THREE.reshape(3, 2, 1))
    # det = (2 * 14 - 1) / 9 = 3; the ridge moves it by 8/3 of a millionth of the trace
    expected = -math.log(2 * math.pi) - 0.5 * math.log(3)
    z = torch.tensor([[[1.0], [2.0]], [[2.0], [1.0]]], dtype=torch.float64)
    at_mean, aside = prior.log_prob(z).tolist()
    assert at_mean == pytest.approx(expected, abs=1e-5)
    # (1, -1) inv(C) (1, -1)' = (14 + 2 + 2) / 9 = 2
    assert aside == pytest.approx(expected - 1, abs=1e-5)


@pytest.mark.parametrize("shape", [(2,), (1, 2, 1)])
def test_a_sample_is_the_mean_and_the_factor_of_the_covariance_times_the_generators_noise(shape):
    prior = fitted(THREE.reshape(3, *shape))
    noise = torch.randn(5, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    expected = torch.tensor([1.0, 2.0]).double() + noise @ prior.chol.T
    drawn = prior.sample(5, torch.Generator().manual_seed(3))
    torch.testing.assert_close(drawn, expected.reshape(5, *shape), rtol=0, atol=0)


def test_a_sample_of_the_standard_normal_is_the_generators_noise():
    prior = StandardNormal((2, 3)).double()
    noise = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert prior.sample(4, torch.Generator().manual_seed(3)).equal(noise)


def test_a_standard_normal_does_not_learn():
    prior = StandardNormal((2,))
    prior.fit(THREE)
    assert prior.log_prob(torch.zeros(1, 2)).item() == pytest.approx(-math.log(2 * math.pi))


def test_before_the_fit_there_is_no_density_either():
    with pytest.raises(DataError, match="is not fitted yet"):
        FittedGaussian((2,)).log_prob(torch.zeros(1, 2))


def test_before_the_fit_a_fitted_gaussian_is_saved_as_a_standard_normal():
    state = FittedGaussian((2,)).state_dict()
    assert {name: value.tolist() for name, value in state.items()} == {
        "mean": [0.0, 0.0],
        "chol": [[1.0, 0.0], [0.0, 1.0]],
        "fitted": False,
    }


# --- a mixture that learns ----------------------------------------------------------------------------------


def spread(components: int = 3, dim: int = 2) -> Mixture:
    torch.manual_seed(0)
    prior = Mixture((dim,), components).double()
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return prior


def test_a_mixture_has_the_density_that_torch_gives_it() -> None:
    prior = spread()
    parts = Independent(Normal(prior.mean, (prior.logvar / 2).exp()), 1)
    reference = MixtureSameFamily(Categorical(logits=prior.logits), parts)
    z = torch.randn(50, 2).double()
    torch.testing.assert_close(prior.log_prob(z), reference.log_prob(z))


def test_draws_of_a_mixture_have_its_moments_and_its_shape() -> None:
    prior = Mixture((2, 3), 2)
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([0.0, 1.0]))
        prior.logvar.copy_(torch.randn_like(prior.logvar))
    draws = prior.sample(100_000, torch.Generator().manual_seed(1))
    assert draws.shape == (100_000, 2, 3)
    share, mean, variance = prior.logits.softmax(0)[:, None], prior.mean, prior.logvar.exp()
    expected = (share * mean).sum(0)
    second = (share * (variance + mean.square())).sum(0) - expected.square()
    # Five standard errors of 100 000 draws of deviations up to 2.
    torch.testing.assert_close(draws.flatten(1).mean(0), expected, atol=0.035, rtol=0)
    torch.testing.assert_close(draws.flatten(1).var(0), second, atol=0.1, rtol=0.03)


def test_components_start_apart() -> None:
    assert len(Mixture((4,), 5).mean.unique(dim=0)) == 5
