"""The mixture that is fitted to codes: known mixtures are found again, and the density is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_densities.fitted_mixture import FittedMixture
from torch import Generator, Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

import aezoo
from aezoo.errors import DataError, RunFailed, UsageError
from aezoo.nn.prior import FittedGaussian

MEANS = torch.tensor([[-2.0, 0.0], [2.0, 1.0], [0.0, 4.0]], dtype=torch.double)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.double)
CHOL = torch.tensor([[[0.5, 0.0], [0.3, 0.4]], [[0.3, 0.0], [0.0, 0.8]], [[0.6, 0.0], [-0.4, 0.3]]]).double()


def known() -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(WEIGHTS), MultivariateNormal(MEANS, scale_tril=CHOL))


def drawn(n: int) -> Tensor:
    generator = Generator().manual_seed(0)
    chosen = torch.multinomial(WEIGHTS, n, replacement=True, generator=generator)
    noise = torch.randn(n, 2, generator=generator, dtype=torch.double)
    return MEANS[chosen] + (CHOL[chosen] @ noise.unsqueeze(2)).squeeze(2)


@pytest.fixture(scope="module")
def fitted() -> FittedMixture:
    prior = FittedMixture((2,), 3).double()
    prior.fit(drawn(5000))
    return prior


def test_a_known_mixture_is_found_again(fitted: FittedMixture) -> None:
    order = torch.cdist(MEANS, fitted.mean).argmin(dim=1)
    assert sorted(order.tolist()) == [0, 1, 2]
    # Deviations of a mean of 1,000 codes or more are below 0.03, those of weights below 0.007.
    torch.testing.assert_close(fitted.mean[order], MEANS, rtol=0, atol=0.1)
    torch.testing.assert_close(fitted.log_weights[order].exp(), WEIGHTS, rtol=0, atol=0.03)
    covariance = fitted.chol @ fitted.chol.transpose(1, 2)
    torch.testing.assert_close(covariance[order], CHOL @ CHOL.transpose(1, 2), rtol=0, atol=0.06)


def test_its_codes_are_as_likely_as_under_the_mixture_that_they_are_from(fitted: FittedMixture) -> None:
    codes = drawn(5000)
    gain = fitted.log_prob(codes).mean() - known().log_prob(codes).mean()
    # Maximum likelihood gains, of 17 parameters, 17 / 2 nats of 5,000 codes in the mean; the ridge costs less.
    assert -0.001 < gain.item() < 0.01


def test_the_density_is_that_of_torch_distributions_and_integrates_to_one(fitted: FittedMixture) -> None:
    components = MultivariateNormal(fitted.mean, scale_tril=fitted.chol)
    axis = torch.linspace(-8, 8, 801, dtype=torch.double)
    grid = torch.cartesian_prod(axis, axis)
    expected = MixtureSameFamily(Categorical(logits=fitted.log_weights), components).log_prob(grid)
    torch.testing.assert_close(fitted.log_prob(grid), expected)
    assert (fitted.log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** 2).item() == pytest.approx(1, abs=1e-6)


def test_samples_are_as_likely_as_the_codes(fitted: FittedMixture) -> None:
    of_samples, of_codes = (
        fitted.log_prob(fitted.sample(20_000, Generator().manual_seed(1))),
        fitted.log_prob(drawn(5000)),
    )
    error = (of_samples.var() / 20_000 + of_codes.var() / 5000).sqrt()
    assert (of_samples.mean() - of_codes.mean()).abs() < 5 * error


def test_the_same_codes_give_the_same_fit_whatever_was_drawn_before() -> None:
    fits = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        prior = FittedMixture((2,), 3)
        prior.fit(drawn(300))
        fits.append(prior.mean)
    assert torch.equal(*fits)


def test_codes_that_are_all_alike_have_a_mixture() -> None:
    prior = FittedMixture((2,), 3)
    prior.fit(torch.ones(20, 2))
    assert prior.log_prob(torch.ones(1, 2)).isfinite().all()
    torch.testing.assert_close(prior.sample(5), torch.ones(5, 2), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.ones(5, 2), "a mixture of 3 Gaussians is fitted to at least 6 codes, got 5"),
        (torch.full((9, 2), torch.nan), "cannot be fitted to codes that are not finite"),
    ],
)
def test_codes_that_cannot_be_fitted_are_refused_as_the_built_in_prior_does(codes: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FittedMixture((2,), 3).fit(codes)
    with pytest.raises(RunFailed):  # of which a DataError is one
        FittedGaussian((2,)).fit(codes[:1] if codes.isfinite().all() else codes)


def test_training_ends_by_the_fit_and_a_loaded_model_has_it(spec: Callable[..., Any], tmp_path: Path) -> None:
    latent = {"type": "deterministic", "dim": 2, "prior": {"type": "densities:fitted_mixture", "components": 3}}
    document = spec(latent=latent, objective="standard", training={"steps": 20, "batch_size": 50})
    with pytest.raises(UsageError, match="'densities:fitted_mixture' is not fitted yet"):
        aezoo.build(document).sample(3)
    x = np.random.default_rng(0).standard_normal((200, 5)).astype(np.float32)
    run = aezoo.train(document, x, out=tmp_path / "run")
    assert np.array_equal(aezoo.load(tmp_path / "run").sample(20), run.model.sample(20))


def test_codes_in_clusters_are_likelier_under_a_mixture_than_under_one_gaussian(spec: Callable[..., Any]) -> None:
    draw = np.random.default_rng(0)
    x = (draw.choice([-3.0, 3.0], (1000, 1)) + 0.1 * draw.standard_normal((1000, 5))).astype(np.float32)
    nlls = []
    for prior in ({"type": "fitted_gaussian"}, {"type": "densities:fitted_mixture", "components": 4}):
        latent = {"type": "deterministic", "dim": 2, "prior": prior}
        metrics = ["densities:prior_nll"]
        document = spec(latent=latent, objective="standard", metrics=metrics, training={"steps": 100, "batch_size": 50})
        run = aezoo.train(document, x)
        codes = torch.from_numpy(run.model.encode(x))
        nll = aezoo.evaluate(run.model, x, split="all").metrics["densities:prior_nll"]
        assert nll == pytest.approx(-run.model.network.prior.log_prob(codes).mean().item(), rel=1e-4)
        nlls.append(nll)
    assert nlls[1] < nlls[0] - 0.5
