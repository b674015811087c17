import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from aezoo.errors import RunFailed, UsageError
from aezoo.nn.prior import FittedGaussian, StandardNormal


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
    with pytest.raises(UsageError, match="not seen any codes") as caught:
        FittedGaussian((4,)).sample(3)
    assert "train" in caught.value.hint


def test_a_fit_survives_the_state_dict():
    prior, other = FittedGaussian((4,)), FittedGaussian((4,))
    prior.fit(codes())
    other.load_state_dict(prior.state_dict())
    z = codes(n=10)
    assert other.log_prob(z).equal(prior.log_prob(z))


def test_a_fit_needs_two_codes():
    with pytest.raises(UsageError, match="at least 2 codes, got 1"):
        FittedGaussian((4,)).fit(codes(n=1))


def test_a_fit_refuses_codes_of_a_model_that_has_diverged():
    spoiled = codes(n=10)
    spoiled[3, 1] = float("nan")
    with pytest.raises(RunFailed, match="codes that are not finite"):
        FittedGaussian((4,)).fit(spoiled)


def test_a_standard_normal_leaves_nothing_to_save():
    assert not StandardNormal((4,)).state_dict()
