"""The posterior of an inverse autoregressive flow: its density, draws and divergence, and its weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_densities import priors
from aezoo_densities.inverse_flow import FlowCode, InverseFlow
from torch import Generator

import aezoo
from aezoo.errors import SpecError
from aezoo.nn.prior import StandardNormal

Make = Callable[..., Any]
KL = {"objective": "standard", "regularizers": {"kl": {"weight": 1.0}}}
MAPS = pytest.mark.parametrize("spline", [False, True], ids=["affine", "spline"])


def latent(dim: int = 2, **settings: Any) -> dict[str, Any]:
    return {"type": "densities:iaf", "dim": dim, "width": 16, "context": 4, **settings}


def bent(dim: int, *, spline: bool) -> InverseFlow:
    """A flow in float64 that is far from the identity."""
    torch.manual_seed(0)
    module = InverseFlow((3,), dim, context=4, spline=spline, transforms=2, width=16).double()
    with torch.no_grad():
        for weight in module.maps.parameters():
            weight.mul_(2)
    return module


def code(module: InverseFlow, n: int = 1, seed: int = 0) -> FlowCode:
    """Draws of one posterior."""
    h = torch.randn(1, 3, generator=Generator().manual_seed(7), dtype=torch.double)
    with torch.no_grad():
        return module(h.expand(n, 3), Generator().manual_seed(seed))


@MAPS
def test_the_density_of_a_draw_is_that_of_its_noise_over_a_numerical_jacobian(spline: bool) -> None:
    module = bent(3, spline=spline)
    one, noise = code(module), torch.tensor([[0.4, -0.9, 1.2]], dtype=torch.double)
    jacobian = torch.autograd.functional.jacobian(lambda e: module.reparameterize(one, e).z[0], noise)[:, 0]
    drawn = module.reparameterize(one, noise)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(noise).sum()
    expected = (normal - jacobian.det().abs().log()).item()
    assert module.log_prob(drawn, drawn.z).item() == pytest.approx(expected, abs=1e-9)
    assert module.log_prob(drawn, drawn.z.clone()).item() == pytest.approx(expected, abs=1e-6)
    off = jacobian - torch.diag(jacobian.diagonal())
    assert off.abs().max() > 0.05  # values bend each other


@MAPS
def test_what_is_kept_of_a_draw_is_said_of_no_other_value(spline: bool) -> None:
    module = bent(3, spline=spline)
    one, other = code(module, 5), code(module, 5, seed=1)
    with torch.no_grad():
        expected = module.log_prob(other, other.z)
        torch.testing.assert_close(module.log_prob(one, other.z), expected, rtol=1e-6, atol=1e-6)
        moved = one._replace(z=other.z)
        torch.testing.assert_close(module.log_prob(moved, moved.z), expected, rtol=1e-6, atol=1e-6)
        turned = FlowCode(*(value.flip(0) for value in one))
        torch.testing.assert_close(module.log_prob(turned, turned.z), one.log_q.flip(0), rtol=1e-6, atol=1e-6)


@MAPS
def test_the_density_integrates_to_one_and_the_divergence_is_the_mean_of_the_ratio(spline: bool) -> None:
    module, prior = bent(2, spline=spline), StandardNormal((2,)).double()
    one, axis = code(module), torch.linspace(-9, 9, 601, dtype=torch.double)
    grid, cell = torch.cartesian_prod(axis, axis), (axis[1] - axis[0]).item() ** 2
    wide = FlowCode(*(value.expand(len(grid), *value.shape[1:]) for value in one))
    many = code(module, 50_000)
    with torch.no_grad():
        log_q, log_p = module.log_prob(wide, grid), prior.log_prob(grid)
        ratios = module.log_prob(many, many.z) - prior.log_prob(many.z)
    assert log_q.exp().sum().item() * cell == pytest.approx(1, abs=2e-3)
    kl = (log_q.exp() * (log_q - log_p)).sum().item() * cell
    assert abs(ratios.mean().item() - kl) < 5 * ratios.std().item() / math.sqrt(len(ratios)) + 5e-3
    assert kl > 0.3


def test_the_kept_density_has_the_gradient_of_the_other_one() -> None:
    module = bent(3, spline=False)
    h = torch.randn(4, 3, generator=Generator().manual_seed(7), dtype=torch.double)
    one = module(h, Generator().manual_seed(0))
    weights = [*module.parameters()]
    kept = torch.autograd.grad(module.log_prob(one, one.z).sum(), weights, retain_graph=True)
    again = torch.autograd.grad(module.log_prob(one, one.z.clone()).sum(), weights)
    for a, b in zip(kept, again, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


@MAPS
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_weights_are_counted_without_zuko(spec: Make, dim: int, spline: bool) -> None:
    settings = {"map": "spline" if spline else "affine", "transforms": 3}
    read = aezoo.read(spec(latent=latent(dim, **settings), **KL))
    assert read.parameters == sum(value.numel() for value in aezoo.build(read).network.parameters())


@pytest.mark.parametrize("slots", [KL, {"objective": {"type": "densities:iwae", "k": 4, "estimator": "dreg"}}])
def test_it_trains_and_a_loaded_model_gives_the_same_bits(spec: Make, slots: Any, tmp_path: Any) -> None:
    x = np.random.default_rng(0).standard_normal((400, 5)).astype(np.float32)
    document = spec(latent=latent(), **slots, training={"steps": 40, "batch_size": 50, "optimizer": {"lr": 0.01}})
    start = [value.clone() for value in aezoo.build(document).network.latent.parameters()]
    run = aezoo.train(document, x, out=tmp_path / "run")
    assert not any(map(torch.equal, start, run.model.network.latent.parameters()))
    loaded = aezoo.load(tmp_path / "run")
    assert np.array_equal(loaded.encode(x), run.model.encode(x))
    assert np.array_equal(loaded.score(x[:9]), run.model.score(x[:9]))
    assert loaded.score(x[:1]) == pytest.approx(run.model.score(x[:9])[:1], rel=1e-5)


def test_without_zuko_a_spec_is_refused_with_the_command_that_installs_it(
    spec: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(priors, "find_spec", lambda name: None)
    message = r"AZ505.*latent: densities:iaf needs the package zuko.*pip install 'aezoo-densities\[flow\]'"
    with pytest.raises(SpecError, match=message):
        aezoo.read(spec(latent=latent(), **KL))
