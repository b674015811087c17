import math

import pytest
import torch
from torch.distributions import Bernoulli, kl_divergence

from aezoo.nn.code import Code, Output
from aezoo.nn.sparsity_penalties import AbsoluteSum, RateKL, SquareSum, kl_of_rates


class Model:
    point = "z"


def passed(z):
    return Output(Model, z, z, Code(z), z, {"encoder.0": 2 * z})


def test_rates_on_target_cost_nothing():
    assert kl_of_rates(0.05, torch.full((7,), 0.05)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.9])
def test_the_rate_penalty_is_the_kl_of_two_bernoullis(rate):
    expected = kl_divergence(Bernoulli(0.1), Bernoulli(torch.tensor(rate)))
    torch.testing.assert_close(kl_of_rates(0.1, torch.tensor([rate, rate])), 2 * expected)


def test_a_unit_that_never_fires_costs_much_and_not_infinity():
    cost = kl_of_rates(0.05, torch.tensor([0.0, 1.0]))
    assert torch.isfinite(cost)
    assert cost > 10


def test_the_rate_of_a_unit_is_its_mean_over_the_batch():
    z = torch.rand(100, 3)
    expected = kl_of_rates(0.05, z.mean(0))
    assert RateKL("latent", rate=0.05, units=3)(passed(z)).equal(expected)


def test_the_running_rate_starts_at_the_first_batch_and_then_blends():
    term = RateKL("latent", rate=0.2, units=1, momentum=0.5)
    first, second = torch.full((4, 1), 0.2), torch.full((4, 1), 0.8)
    assert term(passed(first)).item() == pytest.approx(0, abs=1e-6)
    # weights 1/4 and 1/2 of what has been seen
    torch.testing.assert_close(term(passed(second)), kl_of_rates(0.2, torch.tensor([(0.25 * 0.2 + 0.5 * 0.8) / 0.75])))


def test_evaluation_leaves_the_running_rate_alone():
    term = RateKL("latent", rate=0.2, units=2, momentum=0.5)
    term(passed(torch.rand(4, 2)))
    before = term.running.clone()
    term.eval()
    term(passed(torch.rand(4, 2)))
    assert term.running.equal(before)


def test_only_the_batch_carries_a_gradient_through_the_running_rate():
    term = RateKL("latent", rate=0.2, units=2, momentum=0.9)
    for _ in range(2):  # a second backward through the first pass would fail
        z = torch.rand(4, 2, requires_grad=True)
        term(passed(z)).backward()
        assert z.grad.abs().min() > 0


def test_l1_and_l2_sum_over_a_sample_and_average_over_the_batch():
    z = torch.tensor([[1.0, -2.0], [3.0, 0.0]])
    assert AbsoluteSum("latent")(passed(z)).item() == 3.0
    assert SquareSum("latent")(passed(z)).item() == 7.0


def test_a_penalty_reads_the_tap_it_is_on():
    assert AbsoluteSum("encoder.0")(passed(torch.ones(2, 3))).item() == 6.0


def test_the_rate_penalty_of_two_units_is_the_one_on_paper():
    # 0.2 ln(0.2 / r) + 0.8 ln(0.8 / (1 - r)) at r = 0.5 and r = 0.1
    first = 0.2 * math.log(0.4) + 0.8 * math.log(1.6)
    second = 0.2 * math.log(2) + 0.8 * math.log(0.8 / 0.9)
    assert kl_of_rates(0.2, torch.tensor([0.5, 0.1])).item() == pytest.approx(first + second, rel=1e-6)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_rate_at_an_end_costs_as_much_as_a_millionth_from_it(rate):
    rates = torch.tensor([rate], dtype=torch.float64)
    near = abs(rate - 1e-6)
    expected = 0.2 * math.log(0.2 / near) + 0.8 * math.log(0.8 / (1 - near))
    assert kl_of_rates(0.2, rates).item() == pytest.approx(expected, rel=1e-9)


def test_the_rate_of_a_tap_of_any_shape_is_that_of_each_value():
    z = torch.rand(5, 2, 3)
    expected = kl_of_rates(0.1, z.flatten(1).mean(0))
    torch.testing.assert_close(RateKL("latent", rate=0.1, units=6)(passed(z)), expected)


def test_three_batches_weigh_by_how_long_ago_they_were():
    term = RateKL("latent", rate=0.2, units=1, momentum=0.9)
    for value in (0.3, 0.5, 0.9):
        penalty = term(passed(torch.full((4, 1), value)))
    rate = (0.81 * 0.3 + 0.9 * 0.5 + 0.9) / (0.81 + 0.9 + 1)
    torch.testing.assert_close(penalty, kl_of_rates(0.2, torch.tensor([rate])))
    assert term.seen.item() == pytest.approx(1 - 0.9**3)
    assert term.running.item() == pytest.approx(rate * (1 - 0.9**3))
    term.eval()
    shown = term(passed(torch.full((4, 1), 0.1)))  # in evaluation a batch is blended in, and not remembered
    blended = (0.9 * rate * (1 - 0.9**3) + 0.1 * 0.1) / (1 - 0.9**4)
    torch.testing.assert_close(shown, kl_of_rates(0.2, torch.tensor([blended])))
    assert term.seen.item() == pytest.approx(1 - 0.9**3)


def test_the_running_rates_of_a_grid_are_those_of_its_values_and_a_batch_alone_leaves_nothing():
    z = torch.rand(5, 2, 3)
    term = RateKL("latent", rate=0.1, units=6, momentum=0.5)
    torch.testing.assert_close(term(passed(z)), kl_of_rates(0.1, z.flatten(1).mean(0)))
    torch.testing.assert_close(term.running, 0.5 * z.flatten(1).mean(0))
    assert not RateKL("latent", rate=0.1, units=6).state_dict()
