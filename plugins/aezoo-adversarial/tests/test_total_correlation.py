"""The proof: FactorVAE's critic, trained by the real loop on Gaussian codes, says their total correlation.

`benchmarks/total_correlation.py` does the same for four variances and three seeds.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from aezoo_adversarial.measures import gaussian_total_correlation

import aezoo
from aezoo.building.builder import objective_of

SPEC = Path(str(files("aezoo_adversarial"))) / "specs" / "total-correlation.toml"
FRESH = 100_000


class Measured(NamedTuple):
    estimate: float
    truth: float
    run: aezoo.Run


def measured(variance: float, *overrides: str) -> Measured:
    """The mean logit over fresh codes, and the closed form of the covariance of the codes, from the model's weights."""
    eigenvalues = [variance, variance, 1.0, 1.0, 1.0, 1.0]
    spec = aezoo.read(SPEC, overrides=[f"data.eigenvalues={eigenvalues}", *overrides])
    run = aezoo.train(spec)
    latent = run.model.network.latent
    weight = latent.project.weight.detach().double()
    data = torch.from_numpy(spec.data.matrix())  # type: ignore[union-attr]
    covariance = weight @ data @ weight.T + torch.eye(4, dtype=torch.float64)
    objective = objective_of(run.model, steps=1)
    objective.load_state_dict(run.auxiliary_state, strict=False)
    draws = torch.randn(FRESH, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    codes = (draws @ torch.linalg.cholesky(covariance).T).float() + latent.project.bias
    with torch.no_grad():
        estimate = objective.loss_terms.critic(codes).mean().item()  # type: ignore[operator,union-attr]
    return Measured(estimate, gaussian_total_correlation(covariance), run)


@pytest.mark.parametrize("variance", [20.0, 200.0])
def test_the_critic_of_gaussian_codes_says_their_total_correlation(variance: float) -> None:
    result = measured(variance)
    # The issue asks for 10 %. The runs of the benchmark are off by up to 3.6 %, a critic that is not done learning, and
    # 100,000 fresh codes add half a percent at most.
    assert result.estimate == pytest.approx(result.truth, rel=0.10)
    # The run's own record says the same, of 5,000 codes of its validation split: two percent more.
    assert result.run.record["validation"]["total_correlation"] == pytest.approx(result.truth, rel=0.12)
    # And so does the covariance of drawn codes of the test split, to four standard errors.
    assert result.run.scores is not None
    assert result.run.scores.metrics["adversarial:total_correlation"] == pytest.approx(result.truth, rel=0.10)


def test_the_model_that_is_judged_does_not_move() -> None:
    spec = aezoo.read(SPEC, overrides=["data.n=2000", "training.steps=5"])
    fresh, state = aezoo.build(spec).network.state_dict(), aezoo.train(spec).model.network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in fresh.items())
    assert not fresh["latent.logvar"].any()  # noise of variance 1, as `measured` takes it to be


def test_a_critic_that_has_hardly_learnt_is_far_off() -> None:
    result = measured(200.0, "training.steps=20")
    assert result.estimate < 0.5 * result.truth


def test_codes_without_dependence_have_none() -> None:
    # The variance of data along all axes is the noise's hundredth: what W makes of it is next to nothing.
    tiny = [0.01] * 6
    result = measured(1.0, f"data.eigenvalues={tiny}", "training.steps=300")
    assert result.truth < 1e-3
    assert abs(result.estimate) < 0.01
