"""The Power Spherical posterior and the even prior: densities, draws, divergence, and ways between codes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_densities.sphere import PowerSpherical, SphericalCode, UniformSphere, log_area, log_normalizer, slerp
from torch import Generator, Tensor
from torch.nn.functional import normalize

import aezoo
from aezoo.errors import SpecError

KL = {"objective": "standard", "regularizers": {"kl": {"weight": 1.0}}}


def latent(dim: int = 3, **settings: Any) -> dict[str, Any]:
    return {"type": "densities:power_spherical", "dim": dim, **settings}


def code(dim: int, concentration: float, n: int = 1) -> SphericalCode:
    mean = normalize(torch.randn(1, dim, generator=Generator().manual_seed(dim), dtype=torch.double), dim=1)
    mean = mean.expand(n, dim)
    return SphericalCode(mean, mean, torch.full((n, 1), concentration, dtype=torch.double))


def posterior(dim: int) -> PowerSpherical:
    return PowerSpherical((4,), dim).double()


def circle(n: int = 20_000) -> tuple[Tensor, float]:
    """Points of the circle, and the length that each stands for."""
    angles = 2 * math.pi * (torch.arange(n, dtype=torch.double) + 0.5) / n
    return torch.stack([angles.cos(), angles.sin()], dim=1), 2 * math.pi / n


def sphere(n: int = 600) -> tuple[Tensor, float]:
    """Points of the sphere in three dimensions, and the area that each stands for: even in height and in angle."""
    height = 2 * (torch.arange(n, dtype=torch.double) + 0.5) / n - 1
    angle = 2 * math.pi * (torch.arange(n, dtype=torch.double) + 0.5) / n
    h, a = (one.flatten() for one in torch.meshgrid(height, angle, indexing="ij"))
    around = (1 - h.square()).sqrt()
    return torch.stack([around * a.cos(), around * a.sin(), h], dim=1), 4 * math.pi / n**2


@pytest.mark.parametrize("concentration", [0.1, 1.55, 20.0])
@pytest.mark.parametrize(("dim", "points"), [(2, circle), (3, sphere)])
def test_density_and_divergence_are_those_of_a_grid(
    dim: int, points: Callable[[], tuple[Tensor, float]], concentration: float
) -> None:
    grid, width = points()
    one, prior = code(dim, concentration), UniformSphere(dim).double()
    log_q, log_p = posterior(dim).log_prob(one, grid), prior.log_prob(grid)
    assert (log_q.exp().sum() * width).item() == pytest.approx(1, abs=1e-5)
    assert (log_p.exp().sum() * width).item() == pytest.approx(1, abs=1e-9)
    kl = posterior(dim).kl(one, prior)
    assert kl is not None
    assert kl.item() == pytest.approx(((log_q - log_p) * log_q.exp()).sum().item() * width, abs=1e-5)


def test_the_divergence_of_a_posterior_in_three_dimensions_is_a_known_number() -> None:
    # By Simpson's rule over the cosine, whose density is (1 + t)^k (k + 1) / 2^(k + 1): 0.328189.
    t, k = np.linspace(-1, 1, 200_001)[1:], 1.55
    density = (k + 1) / 2 ** (k + 1) * (1 + t) ** k
    expected = np.trapezoid(density * np.log(2 * density), t)
    (kl,) = posterior(3).kl(code(3, k), UniformSphere(3)).flatten().tolist()  # type: ignore[union-attr]
    assert kl == pytest.approx(expected, abs=1e-6)
    assert kl == pytest.approx(0.3282, abs=1e-4)


@pytest.mark.parametrize("dim", [2, 5, 16])
def test_the_normalizer_is_that_of_the_cosine(dim: int) -> None:
    angle = math.pi * (torch.arange(200_000, dtype=torch.double) + 0.5) / 200_000
    weights = (1 + angle.cos()) ** 3.0 * angle.sin() ** (dim - 2) * math.pi / 200_000
    k = torch.tensor([[3.0]], dtype=torch.double)
    log_ring = log_area(dim - 1) if dim > 2 else math.log(2)  # two points
    assert log_normalizer(k, dim).item() == pytest.approx(weights.sum().log().item() + log_ring, abs=1e-6)


def test_areas_are_known() -> None:
    assert [math.exp(log_area(dim)) for dim in (2, 3, 4)] == pytest.approx([2 * math.pi, 4 * math.pi, 2 * math.pi**2])


@pytest.mark.parametrize(("dim", "concentration"), [(2, 1.5), (3, 1.55), (8, 10.0), (8, 2000.0)])
def test_draws_have_the_cosine_of_the_closed_form_and_are_even_around_the_mean(dim: int, concentration: float) -> None:
    n = 100_000
    one = code(dim, concentration, n)
    z = posterior(dim).redraw(one, Generator().manual_seed(0)).z
    torch.testing.assert_close(z.norm(dim=1), torch.ones(n, dtype=torch.double))
    cosine = (z * one.mean).sum(dim=1)
    expected = concentration / (dim - 1 + concentration)
    assert (cosine.mean() - expected).abs() < 5 * cosine.std() / math.sqrt(n)
    across = z - cosine.unsqueeze(1) * one.mean
    assert (across.mean(dim=0).abs() < 5 * across.std(dim=0) / math.sqrt(n) + 1e-12).all()
    # The second moments across are those of (I - m m^T) / (D - 1).
    moments = normalize(across, dim=1).T @ normalize(across, dim=1) / n
    plane = torch.eye(dim, dtype=torch.double) - one.mean[:1].T @ one.mean[:1]
    torch.testing.assert_close(moments, plane / (dim - 1), rtol=0, atol=0.01)


def test_the_mean_of_log_q_minus_log_p_is_the_divergence() -> None:
    one, prior, module = code(8, 12.0, 50_000), UniformSphere(8).double(), posterior(8)
    z = module.redraw(one, Generator().manual_seed(0)).z
    ratios = module.log_prob(one, z) - prior.log_prob(z)
    assert (ratios.mean() - module.kl(one, prior)[0]).abs() < 5 * ratios.std() / math.sqrt(len(z))  # type: ignore[index]


def test_the_gradient_of_draws_is_that_of_their_mean() -> None:
    one = code(6, 4.0, 200_000)
    mean, k = one.mean[:1].clone().requires_grad_(), one.concentration[:1].clone().requires_grad_()
    tilted = one._replace(mean=mean.expand_as(one.mean), concentration=k.expand_as(one.concentration))
    z = posterior(6).redraw(tilted, Generator().manual_seed(0)).z
    axis = normalize(torch.arange(6, dtype=torch.double), dim=0)
    by_mean, by_k = torch.autograd.grad((z @ axis).mean(), (mean, k))
    cosine = (mean.detach() @ axis).item()
    assert by_k.item() == pytest.approx(cosine * 5 / 9**2, abs=2e-3)  # E z = mean k / (D - 1 + k)
    tangent = by_mean - (by_mean * mean).sum() * mean
    expected = 4 / 9 * (axis - cosine * mean.detach())
    torch.testing.assert_close(tangent.detach(), expected, rtol=0, atol=5e-3)


def test_float32_keeps_the_digits_of_a_narrow_posterior() -> None:
    one = code(8, 50_000.0)
    single = SphericalCode(*(value.float() for value in one))
    module = posterior(8)
    z = module.redraw(one, Generator().manual_seed(0)).z
    assert module.kl(single, UniformSphere(8)).item() == pytest.approx(
        module.kl(one, UniformSphere(8)).item(), rel=1e-6
    )  # type: ignore[union-attr]
    assert module.log_prob(single, z.float()).item() == pytest.approx(module.log_prob(one, z).item(), abs=0.05)


def test_of_opposite_and_of_wide_posteriors_all_is_finite() -> None:
    features = torch.randn(4, 4, generator=Generator().manual_seed(0)) * torch.tensor([[0.0], [1.0], [1e4], [1e8]])
    module = PowerSpherical((4,), 3)
    one = module(features, Generator().manual_seed(0))
    for value in (*one, module.log_prob(one, one.z), module.log_prob(one, -one.mean), module.kl(one, UniformSphere(3))):
        assert value.isfinite().all()
    torch.autograd.backward([one.z.sum(), module.log_prob(one, one.z).sum()])
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_ways_are_great_circles() -> None:
    noise = Generator().manual_seed(0)
    a, b = (normalize(torch.randn(50, 5, generator=noise, dtype=torch.double), dim=1) for _ in range(2))
    angle = torch.acos((a * b).sum(dim=1))
    for share in (0.0, 0.3, 1.0):
        at = slerp(a, b, torch.full((50, 1), share, dtype=torch.double))
        torch.testing.assert_close(at.norm(dim=1), torch.ones(50, dtype=torch.double))
        torch.testing.assert_close(torch.acos((a * at).sum(dim=1).clamp(-1, 1)), share * angle, rtol=0, atol=1e-7)
        weights = torch.stack([((1 - share) * angle).sin(), (share * angle).sin()]) / angle.sin()
        torch.testing.assert_close(at, weights[0, :, None] * a + weights[1, :, None] * b)


def test_a_model_interpolates_on_the_sphere_and_trains_with_the_closed_form(spec: Callable[..., Any]) -> None:
    x = np.random.default_rng(0).standard_normal((400, 5)).astype(np.float32)
    document = spec(latent=latent(4), **KL, training={"steps": 30, "batch_size": 50, "optimizer": {"lr": 0.01}})
    model = aezoo.train(document, x).model
    np.testing.assert_allclose(np.linalg.norm(model.encode(x), axis=1), 1, atol=1e-5)
    codes: list[Tensor] = []
    model.network.decoder[0].register_forward_pre_hook(lambda _, args: codes.append(args[0]))
    model.interpolate(x[:3], x[3:6], 7)
    torch.testing.assert_close(torch.cat(codes).norm(dim=1), torch.ones(21))
    metrics = aezoo.evaluate(model, x, split="all").metrics
    out = model.network(torch.from_numpy(x))
    expected = model.network.latent.kl(out.code, model.network.prior).mean()  # type: ignore[operator]
    assert metrics["rate"] == pytest.approx(expected.item(), rel=1e-5)
    assert metrics["elbo"] < -metrics["nll"]


@pytest.mark.parametrize("prior", ["standard_normal", "fitted_gaussian", "densities:fitted_mixture", "densities:flow"])
def test_a_prior_of_flat_space_is_refused(spec: Callable[..., Any], prior: str) -> None:
    with pytest.raises(SpecError, match=r"AZ501.*latent\.prior = .densities:uniform_sphere."):
        aezoo.read(spec(latent=latent(prior=prior), **KL))


def test_a_mixture_of_posteriors_is_a_prior_of_the_sphere_too(spec: Callable[..., Any]) -> None:
    model = aezoo.build(spec(latent=latent(prior={"type": "densities:vamp", "components": 20}), **KL))
    points, area = sphere()
    with torch.no_grad():
        total = model.network.prior.log_prob(points.float()).exp().sum() * area
    assert total.item() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(model.network.prior.sample(9, Generator()).norm(dim=1).detach(), 1, atol=1e-5)


def test_a_sphere_has_at_least_two_dimensions(spec: Callable[..., Any]) -> None:
    with pytest.raises(SpecError, match=r"latent\.dim: .*2"):
        aezoo.read(spec(latent=latent(1), **KL))
