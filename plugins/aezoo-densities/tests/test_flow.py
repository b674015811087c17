"""The flow prior: its density, its weights, and what is said where zuko is absent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_densities import priors
from aezoo_densities.flow import FlowPrior
from torch import Generator

import aezoo
from aezoo.errors import SpecError

Make = Callable[..., Any]
KL = {"objective": "standard", "regularizers": {"kl": {"weight": 1.0}}}


def latent(dim: int = 2, **settings: Any) -> dict[str, Any]:
    return {"type": "gaussian", "dim": dim, "prior": {"type": "densities:flow", "width": 16, **settings}}


def bent(shape: tuple[int, ...] = (2,)) -> Any:
    """A flow in float64 that is far from the identity."""
    torch.manual_seed(0)
    prior = FlowPrior(shape, transforms=3, width=16, bins=6).double()
    with torch.no_grad():
        for weight in prior.parameters():
            weight.mul_(2)
    return prior


def test_the_density_integrates_to_one() -> None:
    axis = torch.linspace(-8, 8, 401, dtype=torch.double)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        total = bent().log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert total.item() == pytest.approx(1, abs=1e-3)


def test_the_density_is_the_base_times_a_numerical_jacobian() -> None:
    prior = bent((3,))
    with torch.no_grad():
        z = prior.sample(5, Generator().manual_seed(0))
        for one, log_prob in zip(z, prior.log_prob(z), strict=True):
            jacobian = torch.autograd.functional.jacobian(lambda x: prior.maps()(x), one)
            base = torch.distributions.Normal(0.0, 1.0).log_prob(prior.maps()(one)).sum()
            torch.testing.assert_close(log_prob, base + jacobian.det().abs().log())
            assert jacobian.tril(-1).abs().max() > 1e-3  # values bend each other
            assert (log_prob - base).abs() > 1e-3


def test_samples_are_the_base_through_the_inverse_maps() -> None:
    prior = bent((2, 2))
    z = prior.sample(6, Generator().manual_seed(0))
    assert z.shape == (6, 2, 2)
    noise = torch.randn(6, 4, generator=Generator().manual_seed(0), dtype=torch.double)
    torch.testing.assert_close(prior.maps()(z.flatten(1)), noise)


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("settings", [{}, {"transforms": 1, "bins": 2, "width": 3}])
def test_weights_are_counted_without_zuko(spec: Make, dim: int, settings: dict[str, int]) -> None:
    read = aezoo.read(spec(latent=latent(dim, **settings), **KL))
    assert read.parameters == sum(value.numel() for value in aezoo.build(read).network.parameters())


def test_training_moves_it_and_a_loaded_model_draws_the_same_bits(spec: Make, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = (draw.choice([-2.0, 2.0], (4000, 1)) + 0.3 * draw.standard_normal((4000, 5))).astype(np.float32)
    document = spec(latent=latent(), **KL, training={"steps": 150, "batch_size": 50, "optimizer": {"lr": 0.01}})
    start = [value.clone() for value in aezoo.build(document).network.prior.parameters()]
    run = aezoo.train(document, x, out=tmp_path / "run")
    assert not any(map(torch.equal, start, run.model.network.prior.parameters()))
    trained = min(record["total"] for record in run.history if record["split"] == "validation")
    reported = -aezoo.evaluate(run.model, x, split="validation").metrics["elbo"]
    # Means over 400 samples of one draw each, whose deviation is about 1: five standard errors of the difference.
    assert reported == pytest.approx(trained, abs=0.35)
    assert np.array_equal(aezoo.load(tmp_path / "run").sample(20), run.model.sample(20))


def test_without_zuko_a_spec_is_refused_with_the_command_that_installs_it(
    spec: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(priors, "find_spec", lambda name: None)
    message = r"AZ505.*latent\.prior: densities:flow needs the package zuko.*pip install 'aezoo-densities\[flow\]'"
    with pytest.raises(SpecError, match=message):
        aezoo.read(spec(latent=latent(), **KL))
