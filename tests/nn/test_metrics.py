"""Metrics against closed forms; and fed in pieces they say what they say of the whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from aezoo.nn.aggregate_posterior import AggregatePosterior
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Code, GaussianCode, Output
from aezoo.nn.gaussian_likelihood import Gaussian
from aezoo.nn.latent import DiagonalGaussian
from aezoo.nn.likelihood import SquaredError
from aezoo.nn.metrics import (
    PSNR,
    STRIPE,
    ActiveUnits,
    BitsPerValue,
    LatentRank,
    Mean,
    Moments,
    PerValue,
    UnexplainedVariance,
    active_share,
    elbo,
    mean_activation,
    nll,
    psnr,
    rate,
    squared_data_errors,
    squared_errors,
)


class Posterior(DiagonalGaussian, torch.nn.Identity):
    """A latent of which only the densities are asked."""


def model(
    *, likelihood: Any = None, point: str = "z", shape: tuple[int, ...] = (4,), scale: float = 1.0
) -> Autoencoder:
    network = Autoencoder(
        input_shape=shape,
        encoder=[],
        latent=Posterior(),
        decoder=[],
        likelihood=likelihood or SquaredError(),
        point=point,
        standardize=scale != 1.0,
    )
    if scale != 1.0:
        network.normalizer.scale.fill_(scale)
        network.normalizer.shift.fill_(7.0)
    return network


def output(x: Tensor, raw: Tensor, *, code: Any = None, **settings: Any) -> Output:
    return Output(model(shape=tuple(x.shape[1:]), **settings), x, x, code or Code(x), raw, {})


def fed(metric: Any, *outputs: Output) -> float:
    for out in outputs:
        metric.update(out)
    return float(metric.result())


# --- errors ----------------------------------------------------------------------------------------------


def test_the_squared_error_is_summed_over_a_sample_and_averaged_over_samples() -> None:
    x, raw = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[3.0, 4.0], [1.0, 1.0]])
    assert fed(Mean(squared_errors), output(x, raw)) == 12.5
    assert fed(PerValue(squared_errors), output(x, raw)) == 6.25


def test_errors_are_in_units_of_the_loss_and_against_a_range_in_those_of_the_data() -> None:
    x, raw = torch.zeros(1, 4), torch.ones(1, 4)
    scaled = output(x, raw, scale=0.5)
    assert fed(Mean(squared_errors), scaled) == 4.0
    assert fed(PerValue(squared_errors), scaled) == 1.0
    assert fed(Mean(squared_data_errors), scaled) == 1.0
    assert fed(PSNR(5.0), scaled) == pytest.approx(20.0)
    two = torch.tensor([[-1.0, 1.0, -1.0, 1.0], [1.0, -1.0, 1.0, -1.0]])
    assert fed(UnexplainedVariance(), output(two, torch.zeros(2, 4), scale=0.5)) == pytest.approx(1.0)


@pytest.mark.parametrize(("sigma", "decibels"), [(0.1, 20.0), (0.5, 6.0206), (1.0, 0.0)])
def test_psnr_of_noise_on_the_unit_range(sigma: float, decibels: float) -> None:
    x = torch.zeros(2, 4)
    assert fed(PSNR(1.0), output(x, x + sigma)) == pytest.approx(decibels, abs=1e-4)


def test_psnr_measures_against_the_range_and_stays_finite() -> None:
    x = torch.zeros(2, 4)
    assert fed(PSNR(2.0), output(x, x + 0.2)) == pytest.approx(20.0, abs=1e-5)
    assert fed(PSNR(1.0), output(x, x)) == 200.0
    assert psnr(0.0, 255.0) == pytest.approx(200.0)


def test_always_answering_the_mean_leaves_all_variance_unexplained() -> None:
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) + 100
    mean = x.mean(dim=0).expand_as(x)
    assert fed(UnexplainedVariance(), output(x, mean)) == pytest.approx(1.0, abs=1e-4)
    assert fed(UnexplainedVariance(), output(x, x)) == 0.0
    assert fed(UnexplainedVariance(), output(x, (x + mean) / 2)) == pytest.approx(0.25, abs=1e-4)


def test_data_without_variance_have_no_share_of_it() -> None:
    x = torch.ones(3, 2)
    assert math.isnan(fed(UnexplainedVariance(), output(x, x)))


# --- densities -------------------------------------------------------------------------------------------


def gaussian_output(scale: float = 1.0, noise: float = 0.0) -> Output:
    generator = torch.Generator().manual_seed(0)
    x, raw, mean, logvar = (torch.randn(6, 4, generator=generator) for _ in range(4))
    code = GaussianCode(mean + noise, mean, logvar)
    likelihood = Gaussian((4,), scale=0.3)
    return output(x, raw, code=code, likelihood=likelihood, point="mean", scale=scale)


def test_the_likelihood_is_that_of_the_data_not_of_what_was_normalized() -> None:
    out = gaussian_output(scale=0.5)
    x, mean = out.model.normalizer.inverse(out.x), out.model.normalizer.inverse(out.raw)
    expected = -Normal(mean, 0.3 * 0.5).log_prob(x).sum(-1)
    torch.testing.assert_close(nll(out), expected)


def test_a_scale_that_is_small_beside_the_shift_is_taken_to_all_its_digits() -> None:
    out, plain = gaussian_output(scale=0.01), gaussian_output()
    out.model.normalizer.shift.fill_(1e5)
    torch.testing.assert_close(nll(out), nll(plain) + 4 * math.log(0.01))


def test_the_rate_agrees_with_torch_distributions() -> None:
    code = gaussian_output().code
    posterior = Normal(code.mean, (code.logvar / 2).exp())
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(rate(gaussian_output()), expected)


def test_the_elbo_is_the_likelihood_less_the_rate() -> None:
    out = gaussian_output()
    torch.testing.assert_close(elbo(out), -nll(out) - rate(out))


# --- codes -----------------------------------------------------------------------------------------------


def coded(z: Tensor) -> Output:
    return output(torch.zeros(len(z), 1), torch.zeros(len(z), 1), code=Code(z))


def test_a_unit_is_active_if_its_mean_varies_by_more_than_a_hundredth() -> None:
    signs = torch.tensor([[1.0], [-1.0]])
    z = signs * torch.tensor([[0.0, 0.09, 0.11, 2.0]]) + 5.0
    assert fed(ActiveUnits(), coded(z)) == 2


def test_active_units_read_the_mean_and_not_the_draw() -> None:
    constant = torch.zeros(2, 3)
    drawn = GaussianCode(torch.tensor([[9.0] * 3, [-9.0] * 3]), constant, constant)
    assert fed(ActiveUnits(), output(torch.zeros(2, 1), torch.zeros(2, 1), code=drawn, point="mean")) == 0


@pytest.mark.parametrize(("spread", "rank"), [([1.0, 1, 1], 3.0), ([1.0, 0, 0], 1.0), ([1.0, 1, 0], 2.0)])
def test_the_latent_rank_counts_equal_directions(spread: list[float], rank: float) -> None:
    corners = torch.cartesian_prod(*(torch.tensor([-1.0, 1.0]) for _ in spread))
    assert fed(LatentRank(), coded(corners * torch.tensor(spread))) == pytest.approx(rank)


def test_codes_that_are_all_alike_have_rank_zero() -> None:
    assert fed(LatentRank(), coded(torch.ones(4, 2))) == 0


def test_the_latent_rank_does_not_change_when_the_code_is_turned() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(100, 3, generator=generator) * torch.tensor([3.0, 1.0, 0.1])
    turn = torch.linalg.qr(torch.randn(3, 3, generator=generator)).Q
    assert fed(LatentRank(), coded(z)) == pytest.approx(fed(LatentRank(), coded(z @ turn)), rel=1e-5)


def test_sparsity_is_the_share_that_is_not_zero_and_activation_the_mean() -> None:
    z = torch.tensor([[0.0, 0.0, 0.0, 1.0], [0.5, -0.5, 0.0, 0.0]])
    assert fed(Mean(active_share), coded(z)) == 0.375
    assert fed(Mean(mean_activation), coded(z)) == 0.125


# --- all of them -----------------------------------------------------------------------------------------

ALL: list[Callable[[], Any]] = [
    lambda: Mean(squared_errors),
    lambda: PerValue(squared_errors),
    lambda: PSNR(1.0),
    UnexplainedVariance,
    lambda: Mean(nll),
    lambda: Mean(rate),
    lambda: Mean(elbo),
    ActiveUnits,
    LatentRank,
    lambda: Mean(active_share),
    lambda: Mean(mean_activation),
]


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("cut", [1, 4])
def test_batches_of_unequal_size_add_up_to_the_whole(metric: Callable[[], Any], cut: int) -> None:
    out = gaussian_output()

    def part(rows: slice) -> Output:
        code = GaussianCode(*(values[rows] for values in out.code))
        return out._replace(x=out.x[rows], corrupted=out.x[rows], raw=out.raw[rows], code=code)

    whole = fed(metric(), out)
    assert fed(metric(), part(slice(cut)), part(slice(cut, None))) == pytest.approx(whole, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 20), width=st.integers(1, 5), offset=st.sampled_from([0.0, 1e4]), seed=st.integers(0, 99))
def test_moments_agree_with_torch(n: int, width: int, offset: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, width, generator=generator, dtype=torch.float64) + offset
    full, thin = Moments(full=True), Moments()
    for chunk in x.split(3):
        full.update(chunk)
        thin.update(chunk)
    covariance = torch.cov(x.T, correction=0).reshape(width, width)
    torch.testing.assert_close(full.mean(), x.mean(dim=0))
    torch.testing.assert_close(full.covariance(), covariance, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(thin.variance(), covariance.diagonal(), rtol=1e-7, atol=1e-9)


# --- on paper --------------------------------------------------------------------------------------------


def test_errors_of_pictures_are_summed_over_all_of_their_values() -> None:
    x, raw = torch.zeros(2, 1, 2, 2), torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 1, 2, 2).expand(2, 1, 2, 2)
    assert squared_errors(output(x, raw)).tolist() == [30.0, 30.0]
    assert fed(PerValue(squared_errors), output(x, raw)) == 7.5
    assert fed(UnexplainedVariance(), output(x + torch.tensor([1.0, -1.0]).view(2, 1, 1, 1), raw)) == 34 / 4


def test_the_density_of_one_sample_in_data_units_is_that_of_its_values() -> None:
    out = output(torch.zeros(1, 4), torch.zeros(1, 4), likelihood=Gaussian((4,)), scale=0.5)
    assert nll(out).item() == pytest.approx(4 * (0.5 * math.log(2 * math.pi) + math.log(0.5)))


def test_a_unit_that_varies_by_just_the_threshold_is_not_active() -> None:
    constant, signs = torch.full((2, 1), 3.0), torch.tensor([[0.5], [-0.5]])
    z = torch.cat([constant, signs], dim=1)
    assert fed(ActiveUnits(0.0), coded(z)) == 1
    assert fed(ActiveUnits(0.25), coded(z)) == 0
    assert fed(ActiveUnits(0.24), coded(z)) == 1


def test_the_rank_of_unequal_directions_is_the_participation_ratio() -> None:
    corners = torch.cartesian_prod(torch.tensor([-1.0, 1.0]), torch.tensor([-2.0, 2.0]))
    assert fed(LatentRank(), coded(corners)) == pytest.approx((1 + 4) ** 2 / (1 + 16))


def test_the_metrics_of_codes_on_a_grid_are_those_of_all_their_values() -> None:
    z = torch.tensor([[[0.0, 1.0], [2.0, 0.0]], [[0.0, 0.0], [4.0, 0.0]]])  # [2, 2, 2]
    assert fed(Mean(active_share), coded(z)) == pytest.approx(3 / 8)
    assert fed(Mean(mean_activation), coded(z)) == pytest.approx(7 / 8)
    assert fed(ActiveUnits(), coded(z)) == 2
    # Deviations 1/2 and 1 in two values that move against each other: one direction.
    assert fed(LatentRank(), coded(z)) == pytest.approx(1.0)


def test_moments_of_three_vectors_are_those_on_paper() -> None:
    x = torch.tensor([[0.0, 0.0], [2.0, 1.0], [1.0, 5.0]])
    full, thin = Moments(full=True), Moments()
    for row in x.split(1):
        full.update(row)
        thin.update(row)
    assert full.count == thin.count == 3
    assert full.mean().tolist() == thin.mean().tolist() == [1.0, 2.0]
    torch.testing.assert_close(full.covariance() * 3, torch.tensor([[2.0, 1.0], [1.0, 14.0]]).double())
    torch.testing.assert_close(full.variance() * 3, torch.tensor([2.0, 14.0]).double())
    torch.testing.assert_close(thin.variance() * 3, torch.tensor([2.0, 14.0]).double())


@pytest.mark.parametrize("width", [2 * STRIPE, 2 * STRIPE + 1, 3 * STRIPE, 3 * STRIPE + 5])
def test_a_covariance_of_wide_vectors_is_the_same_in_stripes(width: int) -> None:
    x = torch.randn(30, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 7
    moments = Moments(full=True)
    for rows in x.split(12):
        moments.update(rows)
    torch.testing.assert_close(moments.covariance(), torch.cov(x.T, correction=0), rtol=0, atol=1e-13)
    torch.testing.assert_close(moments.variance(), x.var(dim=0, correction=0), rtol=1e-12, atol=0)


def test_metrics_hold_no_graph_and_sum_in_double_precision() -> None:
    raw = torch.ones(3, 4, requires_grad=True)
    metric = UnexplainedVariance()
    metric.update(output(torch.randn(3, 4), raw))
    assert not metric.moments.first.requires_grad
    large = Mean(lambda out: out.x[:, 0])
    assert fed(large, output(torch.tensor([[2.0**24]]), torch.zeros(1, 1)), *[output(torch.ones(1, 1), raw)] * 3) == (
        (2**24 + 3) / 4
    )


def test_every_code_weighs_the_same_in_batches_of_unequal_size() -> None:
    z = torch.tensor([[1.0, 0.0, 3.0], [0.0, 0.0, 4.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]])
    for measure, expected in ((active_share, 4 / 12), (mean_activation, 13 / 12)):
        assert fed(Mean(measure), coded(z[:1]), coded(z[1:])) == pytest.approx(expected)


# --- masks ------------------------------------------------------------------------------------------------


def masked(x: Tensor, raw: Tensor, mask: Tensor, **settings: Any) -> Output:
    return output(x, raw, **settings)._replace(mask=mask)


X = torch.tensor([[0.0, 9.0], [2.0, 5.0], [4.0, 1.0]])
MASK = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]])


def test_errors_are_of_the_values_that_a_mask_counts() -> None:
    out = masked(X, torch.zeros(3, 2), MASK)
    assert fed(Mean(squared_errors), out) == pytest.approx((0 + 4 + 25 + 16 + 1) / 3)
    assert fed(PerValue(squared_errors), out) == pytest.approx((0 + 4 + 25 + 16 + 1) / 5)
    assert fed(PSNR(1.0), out) == pytest.approx(-10 * math.log10(46 / 5))


def test_unexplained_variance_is_about_the_mean_of_the_values_that_a_mask_counts() -> None:
    means = torch.tensor([[2.0, 3.0]]).expand(3, 2)  # of 0, 2, 4 and of 5, 1
    assert fed(UnexplainedVariance(), masked(X, means, MASK)) == pytest.approx(1.0)
    halves = [masked(X[rows], means[rows], MASK[rows]) for rows in (slice(0, 1), slice(1, 3))]
    assert fed(UnexplainedVariance(), *halves) == pytest.approx(1.0)


def test_a_hidden_value_changes_no_metric() -> None:
    other = X.where(MASK > 0, torch.tensor(-100.0))
    for metric in (Mean(squared_errors), PerValue(squared_errors), PSNR(1.0), UnexplainedVariance(), Mean(nll)):
        again = type(metric)(1.0) if isinstance(metric, PSNR) else type(metric)(*_measures(metric))
        one, two = (masked(x, torch.ones(3, 2), MASK, scale=2.0) for x in (X, other))
        assert fed(metric, one) == fed(again, two)


def _measures(metric: Any) -> list[Any]:
    return [metric.measure] if isinstance(metric, Mean) else []


def test_the_nll_of_standardized_data_counts_the_scales_of_the_values_that_a_mask_counts() -> None:
    likelihood = Gaussian((2,))
    out = masked(X, torch.zeros(3, 2), MASK, likelihood=likelihood, scale=2.0)
    expected = -(MASK * Normal(0.0, 1.0).log_prob(X)).sum(1) + math.log(2) * MASK.sum(1)
    torch.testing.assert_close(nll(out), expected)


# --- the aggregate posterior -----------------------------------------------------------------------------


def drawn(mean: Tensor, logvar: Tensor) -> Output:
    """A pass whose codes are draws of these posteriors."""
    z = mean + (logvar / 2).exp() * torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    return output(z, z, code=GaussianCode(z, mean, logvar))


def parts(samples: int, *outputs: Output) -> dict[str, float]:
    metric = AggregatePosterior(samples)
    for out in outputs:
        metric.update(out)
    return metric.result()


HALVES = slice(0, 25), slice(25, 40)


def test_the_aggregate_posterior_is_the_mixture_of_the_posteriors() -> None:
    generator = torch.Generator().manual_seed(1)
    mean, logvar = (torch.randn(2, 40, 3, generator=generator, dtype=torch.float64)).unbind()
    out = drawn(mean, logvar)
    each = Independent(Normal(mean, (logvar / 2).exp()), 1)
    mixture = MixtureSameFamily(Categorical(torch.ones(40, dtype=torch.float64)), each)
    prior = Independent(Normal(torch.zeros(3, dtype=torch.float64), 1.0), 1)
    z = out.code.z
    halves = [out._replace(code=GaussianCode(*(value[rows] for value in out.code))) for rows in HALVES]
    found = parts(40, *halves)
    assert found["information"] == pytest.approx((each.log_prob(z) - mixture.log_prob(z)).mean().item(), rel=1e-9)
    assert found["mismatch"] == pytest.approx((mixture.log_prob(z) - prior.log_prob(z)).mean().item(), rel=1e-9)


def test_equal_posteriors_tell_nothing_and_distant_ones_the_logarithm_of_their_number() -> None:
    same = parts(8, drawn(torch.full((8, 2), 3.0), torch.zeros(8, 2)))
    assert same["information"] == pytest.approx(0, abs=1e-6)
    apart = parts(8, drawn(1000.0 * torch.arange(8.0).reshape(8, 1), torch.zeros(8, 1)))
    assert apart["information"] == pytest.approx(math.log(8), rel=1e-9)


def test_no_more_samples_are_mixed_than_the_metric_takes() -> None:
    mean, logvar = torch.randn(12, 2, generator=torch.Generator().manual_seed(2)), torch.zeros(12, 2)
    first = drawn(mean, logvar)
    few = first._replace(code=GaussianCode(*(value[:5] for value in first.code)))
    assert parts(5, first) == parts(5, few, first) == parts(12, few)


# --- bits ------------------------------------------------------------------------------------------------


def test_bits_per_value_are_those_of_the_elbo_in_steps_of_the_data() -> None:
    x = torch.zeros(2, 4)
    out = output(x, x, likelihood=Gaussian((4,), scale=1.0), code=GaussianCode(x, x, x))
    # The density of a standard normal at its mean, times 1/255, as a probability.
    expected = -math.log2(math.exp(-0.5 * math.log(2 * math.pi)) / 255)
    assert fed(BitsPerValue(1 / 255), out) == pytest.approx(expected, rel=1e-6)
