"""A critic and what is made of its logits, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from aezoo_adversarial.critic import Critic, adversarial, discrimination
from torch import Tensor, nn
from torch.distributions import Normal


def grid(normal: Normal) -> Tensor:
    """Quantiles in equal steps: a mean over them is an integral over the density."""
    n = 400_000
    return normal.icdf((torch.arange(n, dtype=torch.float64) + 0.5) / n)


def jensen_shannon(p: Normal, q: Normal) -> float:
    """In nats, by the trapezoidal rule."""
    x = torch.linspace(-30, 30, 200_001, dtype=torch.float64)
    mixture = torch.logaddexp(p.log_prob(x), q.log_prob(x)) - math.log(2)
    inside = sum(d.log_prob(x).exp() * (d.log_prob(x) - mixture) for d in (p, q)) / 2
    return float(torch.trapezoid(inside, x))


def normal(mean: float, deviation: float) -> Normal:
    return Normal(torch.tensor(mean, dtype=torch.float64), torch.tensor(deviation, dtype=torch.float64))


def test_a_guess_costs_ln_2() -> None:
    assert discrimination(torch.zeros(3), torch.zeros(5)).item() == pytest.approx(math.log(2))
    assert adversarial(torch.zeros(3)).item() == pytest.approx(math.log(2))


def test_known_logits_have_known_costs() -> None:
    chance = torch.tensor([0.9, 0.6], dtype=torch.float64).logit()  # that they are of the first kind
    expected = (-(math.log(0.9) + math.log(0.6)) / 2 - (math.log(0.1) + math.log(0.4)) / 2) / 2
    assert discrimination(chance, chance).item() == pytest.approx(expected)
    assert adversarial(chance).item() == pytest.approx(-(math.log(0.9) + math.log(0.6)) / 2)


def test_each_kind_is_half_of_the_cases_however_many_there_are() -> None:
    few, many = torch.tensor([2.0]), torch.tensor([-1.0]).expand(1000)
    assert discrimination(few, many).item() == pytest.approx(discrimination(few, many[:1]).item())


def test_certainty_is_finite_and_still_has_a_gradient() -> None:
    logits = torch.tensor([-200.0], requires_grad=True)
    loss = adversarial(logits)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(200.0)
    assert logits.grad is not None
    assert logits.grad.item() == pytest.approx(-1.0)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (1.0, 1.0), (3.0, 1.0), (0.0, 2.0), (-1.0, 0.5)])
def test_the_log_density_ratio_costs_ln_2_less_the_jensen_shannon_divergence(mean: float, deviation: float) -> None:
    p, q = normal(0.0, 1.0), normal(mean, deviation)
    first, second = (p.log_prob(x) - q.log_prob(x) for x in (grid(p), grid(q)))
    assert discrimination(first, second).item() == pytest.approx(math.log(2) - jensen_shannon(p, q), abs=1e-5)


@pytest.mark.parametrize("change", [lambda x: 1.1 * x, lambda x: x + 0.1, lambda x: x - 0.1, lambda x: 0.9 * x])
def test_any_other_logits_cost_more(change: object) -> None:
    p, q = normal(0.0, 1.0), normal(1.0, 1.5)
    first, second = (p.log_prob(x) - q.log_prob(x) for x in (grid(p), grid(q)))
    assert discrimination(change(first), change(second)) > discrimination(first, second)  # type: ignore[operator]


def test_a_critic_has_one_logit_for_each_and_features_as_vectors() -> None:
    torch.manual_seed(0)
    critic = Critic([nn.Conv2d(1, 3, 3), nn.ReLU()], 3 * 6 * 6)
    x = torch.randn(5, 1, 8, 8)
    assert critic(x).shape == (5,)
    assert critic.features(x).shape == (5, 108)
    torch.testing.assert_close(critic(x), critic.features(x) @ critic.score.weight[0] + critic.score.bias)


def test_a_critic_without_layers_is_an_affine_map() -> None:
    critic = Critic([], 4)
    x = torch.randn(5, 4)
    torch.testing.assert_close(critic(x), x @ critic.score.weight[0] + critic.score.bias)
