import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import ContinuousBernoulli as TorchContinuousBernoulli
from torch.distributions import Laplace as TorchLaplace
from torch.distributions import Normal

from aezoo.nn.code import Code, Output
from aezoo.nn.gaussian import Gaussian, GaussianPerValue, OptimalGaussian
from aezoo.nn.likelihood import (
    Bernoulli,
    ContinuousBernoulli,
    Huber,
    Laplace,
    Reconstruction,
    SquaredError,
    reconstruction,
)

SHAPE = (2, 3, 3)
DRAWS = 20_000


def draw(seed=0, batch=4):
    g = torch.Generator().manual_seed(seed)
    raw = torch.randn(batch, *SHAPE, generator=g, dtype=torch.float64)
    return raw, torch.rand(batch, *SHAPE, generator=g, dtype=torch.float64)


def test_bernoulli_agrees_with_torch_distributions():
    raw, x = draw()
    bits = x.round()
    torch.testing.assert_close(Bernoulli().nll(raw, bits), -TorchBernoulli(logits=raw).log_prob(bits).sum((1, 2, 3)))
    torch.testing.assert_close(Bernoulli().mean(raw), raw.sigmoid())


def test_continuous_bernoulli_agrees_with_torch_distributions():
    raw, x = draw()
    raw = raw * 4
    reference = TorchContinuousBernoulli(logits=raw)
    # torch approximates around p = 0.5 by its own series, to about 1e-6 here
    torch.testing.assert_close(
        ContinuousBernoulli().nll(raw, x), -reference.log_prob(x).sum((1, 2, 3)), rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(ContinuousBernoulli().mean(raw), reference.mean, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("logit", [-30.0, -3.0, -0.51, -0.49, -0.021, -0.019, 0.0, 1e-5, 0.019, 0.021, 0.5, 2.0, 40.0])
def test_continuous_bernoulli_integrates_to_one_and_to_its_mean(logit):
    x = torch.linspace(0, 1, 20_001, dtype=torch.float64)[:, None]
    raw = torch.full_like(x, logit)
    density = (-ContinuousBernoulli().nll(raw, x)).exp()
    # trapezoids of width 5e-5: an error of width^2 * logit^2 / 12, below 1e-6 for |logit| = 40
    assert torch.trapezoid(density, dx=5e-5).item() == pytest.approx(1, abs=1e-5)
    mean = torch.trapezoid(density * x[:, 0], dx=5e-5).item()
    assert ContinuousBernoulli().mean(raw[:1]).item() == pytest.approx(mean, abs=1e-5)


def test_the_gradient_of_continuous_bernoulli_is_finite_at_zero():
    raw = torch.zeros(1, 3, requires_grad=True)
    ContinuousBernoulli().nll(raw, torch.full((1, 3), 0.25)).sum().backward()
    torch.testing.assert_close(raw.grad, torch.full((1, 3), 0.25))  # mean - x


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_a_fixed_gaussian_keeps_its_constant(sigma):
    raw, x = draw()
    expected = -Normal(raw, sigma).log_prob(x).sum((1, 2, 3))
    # 1e-6: the scale is a float32
    torch.testing.assert_close(Gaussian(SHAPE, scale=sigma).nll(raw, x), expected, rtol=1e-6, atol=1e-5)


def test_a_learned_gaussian_has_one_scale_per_channel_if_asked():
    raw, x = draw()
    likelihood = Gaussian(SHAPE, learned=True, per_channel=True).double()
    with torch.no_grad():
        likelihood.log_scale.copy_(torch.tensor([0.5, -1.0])[:, None, None])
    torch.testing.assert_close(
        likelihood.nll(raw, x), -Normal(raw, likelihood.log_scale.exp()).log_prob(x).sum((1, 2, 3))
    )


def test_gradient_descent_finds_the_optimal_scale():
    raw, x = draw()
    likelihood = Gaussian(SHAPE, learned=True).double()
    optimizer = torch.optim.LBFGS(
        likelihood.parameters(), line_search_fn="strong_wolfe", tolerance_grad=1e-12, tolerance_change=0
    )

    def closure():
        optimizer.zero_grad()
        loss = likelihood.nll(raw, x).mean()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    torch.testing.assert_close(likelihood.log_scale.exp().square(), (raw - x).square().mean())
    torch.testing.assert_close(likelihood.nll(raw, x).mean(), OptimalGaussian().double().nll(raw, x).mean())


def test_a_learned_scale_stops_at_its_floor():
    likelihood = Gaussian((1,), scale=1e-9, learned=True)
    zero = torch.zeros(1, 1)
    assert likelihood.nll(zero, zero).item() == pytest.approx(-6 + 0.5 * math.log(2 * math.pi))


def test_the_optimal_variance_costs_half_of_one_plus_its_log_per_value():
    raw, x = draw()
    variance = (raw - x).square().mean()
    expected = 0.5 * math.prod(SHAPE) * (1 + (2 * math.pi * variance).log())
    torch.testing.assert_close(OptimalGaussian().nll(raw, x).mean(), expected)


def test_the_optimal_variance_needs_no_gradient():
    raw, x = draw()
    raw.requires_grad_()
    (through,) = torch.autograd.grad(0.5 * math.prod(SHAPE) * (raw - x).square().mean().log(), raw)
    (gradient,) = torch.autograd.grad(OptimalGaussian().nll(raw, x).mean(), raw)
    torch.testing.assert_close(gradient, through)


def test_in_evaluation_the_optimal_variance_is_that_of_training():
    raw, x = draw()
    likelihood = OptimalGaussian().double()
    likelihood.nll(raw, x)
    likelihood.eval()
    torch.testing.assert_close(likelihood.variance, (raw - x).square().mean())
    expected = -Normal(raw, likelihood.variance.sqrt()).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(likelihood.nll(raw, x), expected)
    torch.testing.assert_close(likelihood.nll(raw[:1], x[:1]), expected[:1])


def test_before_training_the_optimal_variance_is_one():
    assert OptimalGaussian().variance.item() == 1


def test_a_gaussian_per_value_reads_its_scale_from_the_decoder():
    raw, x = draw()
    scales = torch.linspace(-5, 3, raw.numel(), dtype=torch.float64).view_as(raw)
    both = torch.cat([raw, scales], dim=1)
    likelihood = GaussianPerValue()
    log_scale = -6 + nn.functional.softplus(scales + 6)
    torch.testing.assert_close(likelihood.nll(both, x), -Normal(raw, log_scale.exp()).log_prob(x).sum((1, 2, 3)))
    assert likelihood.mean(both).equal(raw)


def test_laplace_agrees_with_torch_distributions():
    raw, x = draw()
    expected = -TorchLaplace(raw, 0.7).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(Laplace(SHAPE, scale=0.7).nll(raw, x), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("delta", [0.3, 1.0, 2.5])
def test_huber_integrates_to_one(delta):
    x = torch.linspace(-80, 80, 400_001, dtype=torch.float64)[:, None]
    density = (-Huber((1,), delta=delta, scale=1.5).double().nll(torch.zeros_like(x), x)).exp()
    # tails beyond 80 weigh exp(-0.3 * 53) = 1e-7
    assert torch.trapezoid(density, dx=160 / 400_000).item() == pytest.approx(1, abs=1e-6)


def test_a_wide_huber_is_a_gaussian():
    raw, x = draw()
    torch.testing.assert_close(Huber(SHAPE, delta=50.0).nll(raw, x), Gaussian(SHAPE).nll(raw, x))


def test_squared_error_is_the_sum_and_nothing_else():
    assert SquaredError().nll(torch.zeros(1, 2, 2), torch.full((1, 2, 2), 3.0)).tolist() == [36.0]


def test_a_mean_passes_through_the_output():
    raw, x = draw()
    for likelihood in (SquaredError(output="sigmoid"), Gaussian(SHAPE, output="sigmoid")):
        plain = type(likelihood)(*([] if isinstance(likelihood, SquaredError) else [SHAPE]))
        torch.testing.assert_close(likelihood.mean(raw), raw.sigmoid())
        torch.testing.assert_close(likelihood.nll(raw, x), plain.nll(raw.sigmoid(), x))


@pytest.mark.parametrize(
    "likelihood",
    [
        Bernoulli(),
        ContinuousBernoulli(),
        Gaussian((1,), scale=0.5),
        OptimalGaussian(),
        Laplace((1,), scale=0.5),
        Huber((1,), delta=0.7, scale=0.5),
    ],
    ids=lambda likelihood: type(likelihood).__name__,
)
@pytest.mark.parametrize("raw", [-2.0, 0.0, 1.0])
def test_samples_have_the_mean_and_the_entropy_of_the_density(likelihood, raw):
    likelihood.eval()
    raw = torch.full((DRAWS, 1), raw)
    samples = likelihood.sample(raw, torch.Generator().manual_seed(0))
    error = (samples - likelihood.mean(raw)).mean().abs()
    assert error < 4 * samples.std() / DRAWS**0.5
    # The mean surprise of own samples is the entropy; compare with that of a grid weighed by the density.
    nll = likelihood.nll(raw, samples)
    assert (nll.mean() - entropy(likelihood, raw[0])).abs() < 4 * nll.std() / DRAWS**0.5 + 1e-3


def entropy(likelihood, raw):
    if isinstance(likelihood, Bernoulli):
        return TorchBernoulli(logits=raw).entropy().squeeze()
    low, high = (0.0, 1.0) if isinstance(likelihood, ContinuousBernoulli) else (-30.0, 30.0)
    grid = torch.linspace(low, high, 60_001)[:, None]
    nll = likelihood.nll(raw.expand_as(grid), grid)
    return torch.trapezoid((-nll).exp() * nll, dx=(high - low) / 60_000)


def test_a_gaussian_per_value_draws_with_its_own_scales():
    raw = torch.cat([torch.zeros(DRAWS, 1), torch.full((DRAWS, 1), math.log(0.2))], dim=1)
    samples = GaussianPerValue().sample(raw, torch.Generator().manual_seed(0))
    # the soft bend at -6 adds exp(-(6 - 1.6)) = 1 % to the log scale
    assert samples.std().item() == pytest.approx(0.2, rel=0.04)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian((3,)), Laplace((3,)), Huber((3,), delta=1.0)])
def test_samples_come_from_the_generator_alone(likelihood):
    raw = torch.zeros(5, 3)
    first, second = (likelihood.sample(raw, torch.Generator().manual_seed(7)) for _ in range(2))
    assert first.equal(second)


@pytest.mark.parametrize("logit", [-0.49, -0.2, 0.1, 0.3, 0.4999])
def test_the_series_of_the_continuous_bernoulli_mean_has_nine_digits(logit):
    raw = torch.tensor([[logit]], dtype=torch.float64)
    exact = 1 / (1 - math.exp(-logit)) - 1 / logit
    # the first term that is left out is raw^7 / 1209600, below 7e-9 here
    assert ContinuousBernoulli().mean(raw).item() == pytest.approx(exact, abs=8e-9)


@pytest.mark.parametrize("logit", [0.5001, -0.5001, 3.0])
def test_beyond_the_series_the_continuous_bernoulli_mean_is_exact(logit):
    raw = torch.tensor([[logit]], dtype=torch.float64)
    assert ContinuousBernoulli().mean(raw).item() == pytest.approx(1 / (1 - math.exp(-logit)) - 1 / logit, abs=1e-14)


@pytest.mark.parametrize("logit", [-0.0199, 0.01, 0.0201, 0.3])
def test_the_constant_of_the_continuous_bernoulli_has_nine_digits(logit):
    raw, x = torch.tensor([[logit]], dtype=torch.float64), torch.tensor([[0.25]], dtype=torch.float64)
    cross_entropy = math.log1p(math.exp(logit)) - 0.25 * logit
    constant = math.log(logit / math.tanh(logit / 2))
    # the first term that is left out is raw^4 / 1440 * 7 / 2, below 1e-9 here
    assert ContinuousBernoulli().nll(raw, x).item() == pytest.approx(cross_entropy - constant, abs=1e-9)


def test_the_variance_in_evaluation_is_a_running_mean_that_forgets_slowly():
    likelihood = OptimalGaussian(momentum=0.9).double()
    zeros = torch.zeros(2, 3, dtype=torch.float64)
    likelihood.nll(zeros, zeros + 2)  # a variance of 4, with weight 0.1 * 0.9
    likelihood.nll(zeros, zeros + 1)  # a variance of 1, with weight 0.1
    expected = (0.09 * 4 + 0.1 * 1) / 0.19
    assert likelihood.variance.item() == pytest.approx(expected, rel=1e-12)
    likelihood.eval()
    cost = 3 * 9 / (2 * expected) + 1.5 * (math.log(expected) + math.log(2 * math.pi))
    for _ in range(2):  # evaluation leaves it as it is
        assert likelihood.nll(zeros, zeros + 3).tolist() == pytest.approx([cost, cost], rel=1e-12)


def test_by_default_the_running_variance_remembers_ninety_nine_in_a_hundred():
    likelihood = OptimalGaussian().double()
    zeros = torch.zeros(1, 1, dtype=torch.float64)
    for size in (3.0, 1.0):
        likelihood.nll(zeros, zeros + size)
    assert likelihood.variance.item() == pytest.approx((0.99 * 9 + 1) / 1.99, rel=1e-12)


def test_the_optimal_variance_stops_at_its_floor():
    likelihood = OptimalGaussian().double()
    zeros = torch.zeros(1, 2, dtype=torch.float64)
    floor = math.exp(-12)
    cost = 2 * (-6 + 0.5 * math.log(2 * math.pi))
    assert likelihood.nll(zeros, zeros).item() == pytest.approx(cost, rel=1e-12)
    assert likelihood.variance.item() == pytest.approx(floor, rel=1e-12)


def test_the_observed_variance_keeps_no_graph():
    likelihood = OptimalGaussian()
    raw = torch.ones(2, 3, requires_grad=True)
    likelihood.nll(raw, torch.zeros(2, 3))
    assert not likelihood.running.requires_grad


def test_a_mean_of_the_optimal_gaussian_and_of_one_per_value_passes_through_the_output():
    raw, x = draw()
    torch.testing.assert_close(OptimalGaussian(output="tanh").mean(raw), raw.tanh())
    optimal, plain = OptimalGaussian(output="tanh"), OptimalGaussian()
    torch.testing.assert_close(optimal.nll(raw, x), plain.nll(raw.tanh(), x))
    both = torch.cat([raw, torch.zeros_like(raw)], dim=1)
    per_value = GaussianPerValue(output="sigmoid")
    torch.testing.assert_close(per_value.mean(both), raw.sigmoid())
    squashed = torch.cat([raw.sigmoid(), torch.zeros_like(raw)], dim=1)
    torch.testing.assert_close(per_value.nll(both, x), GaussianPerValue().nll(squashed, x))


def uniform_of(seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sampled(likelihood, raw, seed=3):
    return likelihood.sample(raw, torch.Generator().manual_seed(seed))


def test_a_laplace_sample_is_the_inverse_of_the_distribution_function():
    raw, _ = draw()
    likelihood = Laplace(SHAPE, scale=0.7).double()
    samples = sampled(likelihood, raw)
    # 1e-7: the scale is made in float32
    torch.testing.assert_close(TorchLaplace(raw, 0.7).cdf(samples), uniform_of(3, *raw.shape), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("delta", [0.5, 2.0])
def test_a_huber_sample_is_the_inverse_of_the_distribution_function(delta):
    raw, _ = draw(batch=100)
    likelihood = Huber(SHAPE, delta=delta, scale=1.5).double()
    errors = (sampled(likelihood, raw) - raw) / 1.5
    core = math.sqrt(2 * math.pi) * math.erf(delta / math.sqrt(2))
    tails = 2 / delta * math.exp(-(delta**2) / 2)
    size = errors.abs()
    inside = math.sqrt(2 * math.pi) * torch.erf(size / math.sqrt(2))
    beyond = core + tails * (1 - torch.exp(-delta * (size - delta)))
    mass = torch.where(size < delta, inside, beyond) / (core + tails)
    u = 2 * uniform_of(3, *raw.shape) - 1
    torch.testing.assert_close(mass * errors.sign(), u, rtol=1e-5, atol=1e-6)


def test_the_least_uniform_number_gives_a_finite_sample(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda size, **options: torch.zeros(size, dtype=torch.float64))
    raw = torch.ones(1, 3, dtype=torch.float64)
    # The distribution function is cut off at 1 - 1e-7.
    assert Laplace((3,)).double().sample(raw).tolist() == [pytest.approx([1 + math.log(1e-7)] * 3, rel=1e-9)]
    delta = 1.0
    core, tails = math.sqrt(2 * math.pi) * math.erf(math.sqrt(0.5)), 2 * math.exp(-0.5)
    size = delta - math.log(1e-7 * (core + tails) / tails) / delta
    assert Huber((3,), delta=delta).double().sample(raw).tolist() == [pytest.approx([1 - size] * 3, rel=1e-7)]


@pytest.mark.parametrize("logit", [-2.0, -1e-7, 0.0, 1e-7, 2.0])
def test_a_continuous_bernoulli_sample_is_the_inverse_of_the_distribution_function(logit):
    raw = torch.full((5, 3), logit, dtype=torch.float64)
    x, u = sampled(ContinuousBernoulli(), raw), uniform_of(3, 5, 3)
    if abs(logit) < 1e-6:
        torch.testing.assert_close(x, u, rtol=0, atol=1e-6)
    else:
        below = (logit * x).expm1() / math.expm1(logit)
        torch.testing.assert_close(below, u if logit < 0 else 1 - u)


def test_samples_of_gaussians_are_the_generators_noise_times_the_scale():
    raw, _ = draw()
    noise = torch.randn(raw.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    fixed = Gaussian(SHAPE, scale=0.5, output="sigmoid").double()
    torch.testing.assert_close(sampled(fixed, raw), raw.sigmoid() + 0.5 * noise, rtol=0, atol=1e-7)
    optimal = OptimalGaussian().double()
    optimal.nll(raw, raw + 3)
    torch.testing.assert_close(sampled(optimal, raw), raw + 3 * noise)
    scales = torch.linspace(-1, 1, raw.numel(), dtype=torch.float64).view_as(raw)
    both = torch.cat([raw, scales], dim=1)
    log_scale = -6 + nn.functional.softplus(scales + 6)
    torch.testing.assert_close(sampled(GaussianPerValue(), both), raw + log_scale.exp() * noise)


def test_bits_and_squared_errors_draw_as_they_say():
    raw, _ = draw()
    assert sampled(Bernoulli(), raw).equal(torch.bernoulli(raw.sigmoid(), generator=torch.Generator().manual_seed(3)))
    assert SquaredError(output="tanh").sample(raw).equal(raw.tanh())


def test_a_fixed_scale_has_no_floor_and_a_learned_one_has():
    zero = torch.zeros(1, 1)
    for likelihood, constant in ((Gaussian, 0.5 * math.log(2 * math.pi)), (Laplace, math.log(2))):
        assert likelihood((1,), scale=1e-4).nll(zero, zero).item() == pytest.approx(math.log(1e-4) + constant)
        learned = likelihood((1,), scale=1e-4, learned=True)
        assert learned.nll(zero, zero).item() == pytest.approx(-6 + constant)
        assert learned.log_scale_now().item() == -6


@pytest.mark.parametrize("family", [(Laplace, TorchLaplace), (Gaussian, Normal)], ids=["laplace", "gaussian"])
def test_each_channel_has_its_own_learned_scale(family):
    raw, x = draw()
    module, reference = family
    likelihood = module(SHAPE, scale=0.5, learned=True, per_channel=True).double()
    assert likelihood.log_scale.shape == (2, 1, 1)
    assert likelihood.log_scale.exp().flatten().tolist() == pytest.approx([0.5, 0.5])
    with torch.no_grad():
        likelihood.log_scale.copy_(torch.tensor([0.5, -1.0])[:, None, None])
    expected = -reference(raw, likelihood.log_scale.exp()).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(likelihood.nll(raw, x), expected)
    assert [name for name, _ in module(SHAPE).named_parameters()] == []


def test_the_reconstruction_is_the_batch_mean_of_the_nll():
    x, raw = torch.zeros(2, 2), torch.tensor([[1.0, 2.0], [0.0, 3.0]])
    out = Output(SimpleNamespace(likelihood=SquaredError()), x, x, Code(x), raw, {})
    assert {name: value.item() for name, value in Reconstruction()(out, "model").items()} == {"reconstruction": 7.0}


def test_a_laplace_draw_from_the_middle_of_its_distribution_is_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aezoo.nn.likelihood.uniform", lambda raw, generator: torch.full_like(raw, 0.5))
    raw = torch.tensor([[0.25, -3.0]])
    laplace = Laplace((2,))
    assert torch.equal(laplace.sample(raw), laplace.mean(raw))


# --- values -------------------------------------------------------------------------------------------------


def scaled(module, *scales):
    """A likelihood with one scale, or one for each channel."""
    return module(SHAPE, scale=0.7, learned=True, per_channel=len(scales) > 0).double()


VALUES = [
    (Bernoulli(), lambda raw, x: -TorchBernoulli(logits=raw, validate_args=False).log_prob(x)),
    (SquaredError(output="sigmoid"), lambda raw, x: (raw.sigmoid() - x) ** 2),
    (scaled(Gaussian), lambda raw, x: -Normal(raw, 0.7).log_prob(x)),
    (scaled(Laplace), lambda raw, x: -TorchLaplace(raw, 0.7).log_prob(x)),
    (Huber(SHAPE, delta=100.0, scale=0.7).double(), lambda raw, x: -Normal(raw, 0.7).log_prob(x)),
]


@pytest.mark.parametrize(("module", "expected"), VALUES, ids=lambda value: type(value).__name__)
def test_the_density_of_each_value_is_that_of_torch_distributions(module, expected):
    raw, x = draw()
    # scales are float32 before they are made double
    torch.testing.assert_close(module.nll_values(raw, x), expected(raw, x), rtol=1e-6, atol=1e-6)


def test_continuous_bernoulli_values_are_those_of_torch():
    raw, x = draw()
    expected = -TorchContinuousBernoulli(logits=raw).log_prob(x)
    torch.testing.assert_close(ContinuousBernoulli().nll_values(raw, x), expected, rtol=1e-5, atol=1e-5)


def test_gaussian_values_with_deviations_from_the_decoder():
    raw, x = draw()
    both = torch.cat([raw, torch.zeros_like(raw)], dim=1)
    deviation = GaussianPerValue().log_scale(both).exp()
    values = GaussianPerValue().nll_values(both, x)
    torch.testing.assert_close(values, -Normal(raw, deviation).log_prob(x))


@pytest.mark.parametrize("kind", [Gaussian, Laplace])
def test_values_with_a_scale_for_each_channel_add_up(kind):
    module = scaled(kind, 1)
    with torch.no_grad():
        module.log_scale.copy_(torch.tensor([0.3, -0.4]).reshape(2, 1, 1))
    raw, x = draw()
    torch.testing.assert_close(module.nll_values(raw, x).sum((1, 2, 3)), module.nll(raw, x))


def passed(raw, x, mask=None, likelihood=None):
    """A pass with these values."""
    return Output(SimpleNamespace(likelihood=likelihood or SquaredError()), x, x, Code(x), raw, {}, mask=mask)


def test_a_mask_says_which_values_are_compared():
    raw = torch.tensor([[1.0, 2.0, 3.0], [0.0, 5.0, 0.0]])
    x = torch.zeros(2, 3)
    assert reconstruction(passed(raw, x)).tolist() == [14.0, 25.0]
    mask = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.5, 0.0]])
    assert reconstruction(passed(raw, x, mask)).tolist() == [10.0, 12.5]
    assert Reconstruction()(passed(raw, x, mask), "model")["reconstruction"].item() == 11.25


def test_a_mask_without_an_axis_of_the_sample_counts_for_all_of_it():
    raw, x = draw()
    mask = torch.tensor([[[1.0, 0.0, 1.0]]], dtype=torch.float64).expand(4, 1, 1, 3)
    kept = (raw - x).square()[..., [0, 2]].sum((1, 2, 3))
    torch.testing.assert_close(reconstruction(passed(raw, x, mask)), kept)


def test_hidden_values_change_neither_loss_nor_gradient():
    raw, x = draw()
    mask = (torch.rand(raw.shape, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    losses = []
    for other in (x, torch.where(mask == 0, x.flip(0), x)):
        leaf = raw.clone().requires_grad_()
        loss = reconstruction(passed(leaf, other, mask, scaled(Laplace))).sum()
        loss.backward()
        losses.append((loss.detach(), leaf.grad))
    assert torch.equal(losses[0][0], losses[1][0])
    assert torch.equal(losses[0][1], losses[1][1])
    assert bool((losses[0][1][mask == 0] == 0).all())
