"""The Poincare ball: its geometry, the wrapped normal's density and divergence, and numbers near the boundary."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_densities.poincare import MARGIN, Ball, WrappedCode, WrappedNormal, WrappedPrior
from torch import Generator, Tensor

import aezoo
from aezoo.errors import SpecError

KL = {"objective": "standard", "regularizers": {"kl": {"weight": 1.0}}}
CURVATURES = [0.3, 1.0, 2.5]


def latent(dim: int = 2, **settings: Any) -> dict[str, Any]:
    return {"type": "densities:poincare", "dim": dim, **settings}


def points(curvature: float, n: int = 200, dim: int = 3, far: float = 3.0) -> Tensor:
    noise = torch.randn(n, dim, generator=Generator().manual_seed(n), dtype=torch.double)
    return Ball(curvature).from_centre(far / math.sqrt(dim * curvature) * noise)


def grid(curvature: float, far: float = 14.0, n: int = 1200) -> tuple[Tensor, Tensor]:
    """Points of the disc, even in distance from the centre and in angle, and the volume that each stands for."""
    root = math.sqrt(curvature)
    distance = far / root * (torch.arange(n, dtype=torch.double) + 0.5) / n
    angle = 2 * math.pi * (torch.arange(n // 2, dtype=torch.double) + 0.5) / (n // 2)
    r, a = (one.flatten() for one in torch.meshgrid(distance, angle, indexing="ij"))
    volume = (root * r).sinh() / root * (far / root / n) * (2 * math.pi / (n // 2))
    return (root * r / 2).tanh().unsqueeze(1) / root * torch.stack([a.cos(), a.sin()], dim=1), volume


def code(curvature: float, n: int = 1) -> WrappedCode:
    mean = Ball(curvature).from_centre(torch.tensor([[0.9, -0.5]], dtype=torch.double)).expand(n, 2)
    return WrappedCode(mean, mean, torch.tensor([[0.5, 1.3]], dtype=torch.double).log().expand(n, 2))


def posterior(curvature: float) -> WrappedNormal:
    return WrappedNormal((4,), 2, curvature).double()


# --- geometry -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curvature", CURVATURES)
def test_distances_are_those_of_the_textbook(curvature: float) -> None:
    x, z = points(curvature), points(curvature, 200).flip(0)
    apart = (x - z).square().sum(dim=1)
    rooms = (1 - curvature * x.square().sum(dim=1)) * (1 - curvature * z.square().sum(dim=1))
    expected = torch.acosh(1 + 2 * curvature * apart / rooms) / math.sqrt(curvature)
    torch.testing.assert_close(Ball(curvature).distance(x, z).squeeze(1), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("curvature", CURVATURES)
def test_a_vector_is_as_long_as_the_way_that_it_leads_and_is_found_again(curvature: float) -> None:
    ball, x = Ball(curvature), points(curvature)
    v = torch.randn(200, 3, generator=Generator().manual_seed(1), dtype=torch.double)
    z = ball.move(x, v)
    torch.testing.assert_close(ball.distance(x, z).squeeze(1), v.norm(dim=1))
    torch.testing.assert_close(ball.way(x, z), v)


def test_moves_are_those_of_mobius_addition() -> None:
    c, x = 0.7, points(0.7)
    v = torch.randn(200, 3, generator=Generator().manual_seed(1), dtype=torch.double)
    length = math.sqrt(c) * v.norm(dim=1, keepdim=True)
    y = (length / 2).tanh() * v / length
    xy, xx, yy = ((a * b).sum(dim=1, keepdim=True) for a, b in ((x, y), (x, x), (y, y)))
    added = ((1 + 2 * c * xy + c * yy) * x + (1 - c * xx) * y) / (1 + 2 * c * xy + c**2 * xx * yy)
    torch.testing.assert_close(Ball(c).move(x, v), added)


@pytest.mark.parametrize("far", [1.0, 5.0, 11.0])
def test_ways_divide_distances_and_stay_inside(far: float) -> None:
    module, ball = posterior(1.0), Ball(1.0)
    noise = Generator().manual_seed(0)
    a, b = (
        ball.from_centre(far * torch.nn.functional.normalize(torch.randn(300, 2, generator=noise, dtype=torch.double)))
        for _ in range(2)
    )
    share = torch.rand(300, 1, generator=noise, dtype=torch.double)
    at, whole = module.between(a, b, share), ball.distance(a, b)
    assert (at.norm(dim=1) < 1).all()
    torch.testing.assert_close(ball.distance(a, at), share * whole, rtol=0, atol=1e-4)
    torch.testing.assert_close(ball.distance(at, b), (1 - share) * whole, rtol=0, atol=1e-4)


def test_ways_through_the_centre_are_straight() -> None:
    a = points(1.0, 20)
    at = WrappedNormal((4,), 3, 1.0).between(a, -a, torch.full((20, 1), 0.5, dtype=torch.double))
    torch.testing.assert_close(at, torch.zeros_like(a), rtol=0, atol=1e-9)


# --- density ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curvature", CURVATURES)
def test_densities_integrate_to_one_and_the_divergence_is_the_mean_of_the_ratio(curvature: float) -> None:
    at, volume = grid(curvature)
    one, module, prior = code(curvature), posterior(curvature), WrappedPrior(2, curvature).double()
    log_q, log_p = module.log_prob(_wide(one, len(at)), at), prior.log_prob(at)
    assert (log_q.exp() * volume).sum().item() == pytest.approx(1, abs=2e-4)
    assert (log_p.exp() * volume).sum().item() == pytest.approx(1, abs=2e-4)
    kl = (log_q.exp() * (log_q - log_p) * volume).sum().item()
    many = _wide(one, 100_000)
    z = module.redraw(many, Generator().manual_seed(0)).z
    ratios = module.log_prob(many, z) - prior.log_prob(z)
    assert abs(ratios.mean().item() - kl) < 5 * ratios.std().item() / math.sqrt(len(z)) + 1e-3
    assert kl > 0.3


def _wide(one: WrappedCode, n: int) -> WrappedCode:
    return WrappedCode(*(value.expand(n, 2) for value in one))


def test_the_density_is_that_of_the_noise_over_a_numerical_jacobian() -> None:
    one, module = code(1.3), posterior(1.3)
    noise = torch.tensor([[0.7, -1.1]], dtype=torch.double)
    z = module.reparameterize(one, noise).z
    jacobian = torch.autograd.functional.jacobian(lambda e: module.reparameterize(one, e).z[0], noise)[:, 0]
    metric = 2 / (1 - 1.3 * z.square().sum())  # length in space of a unit of coordinates
    log_volume = jacobian.det().abs().log() + 2 * metric.log()
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(noise).sum()
    assert module.log_prob(one, z).item() == pytest.approx((normal - log_volume).item(), abs=1e-9)


def test_without_curvature_it_is_the_gaussian() -> None:
    # Coordinates are half of lengths then: the metric's factor is 2.
    mean, scale = torch.tensor([[0.3, -0.2]], dtype=torch.double), torch.tensor([[0.5, 1.3]], dtype=torch.double)
    z = torch.tensor([[0.5, 0.4]], dtype=torch.double)
    density = WrappedNormal((4,), 2, 1e-6).log_prob(WrappedCode(mean, mean, scale.log()), z)
    expected = torch.distributions.Normal(2 * mean, scale).log_prob(2 * z).sum()
    assert density.item() == pytest.approx(expected.item(), abs=1e-5)


def test_samples_of_the_prior_are_as_far_as_its_noise() -> None:
    prior = WrappedPrior(3, 2.0)
    z = prior.sample(500, Generator().manual_seed(0))
    noise = torch.randn(500, 3, generator=Generator().manual_seed(0))
    distance = Ball(2.0).distance(torch.zeros_like(z), z).squeeze(1)
    torch.testing.assert_close(distance, noise.norm(dim=1), rtol=1e-4, atol=1e-4)


# --- numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curvature", [1e-3, 1.0, 1e3])
def test_near_the_boundary_all_is_finite(curvature: float) -> None:
    features = torch.randn(4, 4, generator=Generator().manual_seed(0)) * torch.tensor([[0.0], [1.0], [1e4], [1e8]])
    module, prior = WrappedNormal((4,), 2, curvature), WrappedPrior(2, curvature)
    one = module(features, Generator().manual_seed(0))
    most = 1 / math.sqrt(curvature)
    assert one.mean[-1].norm().item() == pytest.approx((1 - MARGIN) * most)
    assert (one.z.norm(dim=1) < most).all()
    terms = module.log_prob(one, one.z), module.log_prob(one, -one.mean), prior.log_prob(one.z)
    assert all(value.isfinite().all() for value in (*one, *terms))
    torch.autograd.backward([term.sum() for term in terms])
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_float32_keeps_the_digits_of_codes_that_are_far_out() -> None:
    module = posterior(1.0)
    mean = Ball(1.0).from_centre(torch.tensor([[5.0, 4.0]])).expand(2000, 2)
    single = WrappedCode(mean, mean, torch.zeros(2000, 2))
    z = module.redraw(single, Generator().manual_seed(0)).z
    exact = module.log_prob(WrappedCode(*(value.double() for value in single)), z.double())
    torch.testing.assert_close(module.log_prob(single, z).double(), exact, rtol=1e-5, atol=1e-4)


# --- models -------------------------------------------------------------------------------------------------


def test_a_model_trains_its_curvature_is_the_priors_and_its_ways_stay_inside(spec: Callable[..., Any]) -> None:
    x = np.random.default_rng(0).standard_normal((400, 5)).astype(np.float32)
    training = {"steps": 60, "batch_size": 50, "optimizer": {"lr": 0.01}}
    run = aezoo.train(spec(latent=latent(curvature=2.5), **KL, training=training), x)
    network: Any = run.model.network
    assert network.prior.ball.c == network.latent.ball.c == 2.5
    codes: list[Tensor] = []
    network.decoder[0].register_forward_pre_hook(lambda _, args: codes.append(args[0]))
    run.model.interpolate(x[:3], x[3:6], 7)
    ball, walk = network.latent.ball, torch.cat(codes).reshape(3, 7, 2)
    assert (walk.norm(dim=2) < 1 / math.sqrt(2.5)).all()
    steps = ball.distance(walk[:, :-1].reshape(-1, 2), walk[:, 1:].reshape(-1, 2)).reshape(3, 6)
    torch.testing.assert_close(steps, steps.mean(dim=1, keepdim=True).expand(3, 6), rtol=1e-3, atol=1e-4)
    trained = min(record["total"] for record in run.history if record["split"] == "validation")
    reported = -aezoo.evaluate(run.model, x, split="validation").metrics["elbo"]
    assert reported == pytest.approx(trained, abs=1.0)


def test_a_prior_of_another_space_is_refused(spec: Callable[..., Any]) -> None:
    for wrong in ("standard_normal", "densities:uniform_sphere"):
        with pytest.raises(SpecError, match=r"AZ501.*latent\.prior = .densities:wrapped_normal."):
            aezoo.read(spec(latent=latent(prior=wrong), **KL))
