"""Importance weights: the bound that is trained, its gradients, and the estimate of log p(x), against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_densities.importance import ImportanceWeighted, log_likelihood
from aezoo_densities.metrics import ImportanceWeightedNLLSpec
from torch import Generator, Tensor

import aezoo
from aezoo.building.builder import objective_of
from aezoo.errors import SpecError
from aezoo.nn.code import Output
from aezoo.nn.metrics import elbo
from aezoo.reading.reader import check

Make = Callable[..., Any]


def passed(model: aezoo.Model, x: Tensor, seed: int | None = 0) -> Output:
    generator = None if seed is None else Generator().manual_seed(seed)
    return model.network(x, None, generator)  # type: ignore[no-any-return]


def bounds(model: aezoo.Model, x: Tensor, k: int, draws: int) -> Tensor:
    """The term at many draws."""
    term = ImportanceWeighted(k)
    with torch.no_grad():
        return torch.stack([term(passed(model, x, seed), "model")["bound"] for seed in range(draws)]).double()


# --- the estimate of log p(x) ----------------------------------------------------------------------------------


def test_with_2000_draws_the_estimate_is_the_density_of_a_linear_gaussian_model(linear: Make) -> None:
    model = linear()
    x = model.samples(500)
    metric = ImportanceWeightedNLLSpec(k=2000).build(model.model.spec)
    metric.update(passed(model.model, x, None))
    assert metric.result() == pytest.approx(-model.log_density(x).mean().item(), abs=0.003)


def test_the_estimate_of_each_sample_is_its_density(linear: Make) -> None:
    model = linear()
    x = model.samples(20)
    estimate = log_likelihood(passed(model.model, x, None), 5000)
    # The log of a mean of 5,000 weights has a deviation below 0.02 where the posterior is this near.
    torch.testing.assert_close(estimate, model.log_density(x), rtol=0, atol=0.06)


def test_the_estimate_is_in_nats_of_the_data_where_the_model_standardizes(linear: Make) -> None:
    model = linear(input={"shape": [5], "kind": "vector", "normalize": "standardize"})
    scale, shift = torch.tensor([0.1, 3.0, 1.0, 20.0, 0.5]), torch.arange(5.0)
    model.model.network.normalizer.scale.copy_(scale)
    model.model.network.normalizer.shift.copy_(shift)
    x = model.samples(200)
    estimate = log_likelihood(passed(model.model, shift + scale * x, None), 2000).mean().item()
    assert estimate == pytest.approx((model.log_density(x) - scale.log().sum()).mean().item(), abs=0.006)


@pytest.mark.parametrize("k", [1, 3, 300])
@pytest.mark.parametrize("values", [1, 7 * 5 * 64, 2**21])
def test_with_the_exact_posterior_every_draw_gives_the_density_in_chunks_of_any_size(
    linear: Make, monkeypatch: pytest.MonkeyPatch, k: int, values: int
) -> None:
    model = linear(exact=True)
    x = model.samples(7)
    monkeypatch.setattr("aezoo_densities.importance.VALUES", values)
    estimate = log_likelihood(passed(model.model, x, None), k)
    torch.testing.assert_close(estimate, model.log_density(x), rtol=0, atol=2e-5)


def test_one_draw_is_the_elbo(linear: Make) -> None:
    model = linear(regularizers={"kl": {"weight": 1.0}}, objective="standard")
    x = model.samples(4000)
    one = log_likelihood(passed(model.model, x, None), 1).mean().item()
    # Both are means of 4,000 draws of a ratio whose deviation is about 1.
    assert one == pytest.approx(elbo(passed(model.model, x)).mean().item(), abs=0.08)


def test_an_evaluation_has_the_estimate_only_where_the_spec_asks_for_it(linear: Make) -> None:
    model = linear(metrics=[{"type": "densities:iw_nll", "k": 500}])
    x = model.samples(100)
    scores = aezoo.evaluate(model.model, x.numpy(), split="all").metrics
    assert scores["densities:iw_nll"] == pytest.approx(-model.log_density(x).mean().item(), abs=0.03)
    assert scores["densities:iw_nll"] == aezoo.evaluate(model.model, x.numpy(), split="all").metrics["densities:iw_nll"]
    assert "densities:iw_nll" not in aezoo.evaluate(linear().model, x.numpy(), split="all").metrics


# --- the bound ---------------------------------------------------------------------------------------------------


def test_with_one_draw_the_term_is_the_negative_elbo(linear: Make) -> None:
    model = linear()
    out = passed(model.model, model.samples(8))
    with torch.no_grad():
        prior = model.model.network.rate_prior.log_prob(out.code.z)
        log_q = torch.distributions.Normal(out.code.mean, (out.code.logvar / 2).exp()).log_prob(out.code.z).sum(1)
        expected = (out.model.likelihood.nll(out.raw, out.x) + log_q - prior).mean()
        torch.testing.assert_close(ImportanceWeighted(1)(out, "model")["bound"], expected)


def test_each_further_draw_brings_the_bound_nearer_to_the_density(linear: Make) -> None:
    model = linear()
    x = model.samples(64)
    exact = -model.log_density(x).mean().item()
    means = [bounds(model.model, x, k, 200).mean().item() for k in (1, 5, 50)]
    assert means[0] > means[1] + 0.03 > means[2] + 0.03 > exact + 0.02
    assert means[2] == pytest.approx(exact, abs=0.02)


def test_a_pass_that_draws_nothing_has_the_weight_of_its_code_alone(linear: Make) -> None:
    model = linear()
    out = passed(model.model, model.samples(8), None)
    one, many = (ImportanceWeighted(k)(out, "model")["bound"] for k in (1, 9))
    assert torch.equal(one, many)


# --- gradients -----------------------------------------------------------------------------------------------------


def gradients(estimator: str, linear: Make, k: int, repeats: int) -> dict[str, Tensor]:
    """Gradients by each weight at many draws: [repeats, *weight]."""
    # A prior that learns, so that its gradient is compared, too.
    latent = {"type": "gaussian", "dim": 2, "prior": {"type": "mixture", "components": 2}}
    model = linear(objective={"type": "densities:iwae", "k": k, "estimator": estimator}, latent=latent)
    # Some distance from the optimum, where gradients are no mere noise.
    with torch.no_grad():
        model.model.network.latent.project.bias.add_(torch.tensor([0.5, -0.5, 0.4, -0.4]))
    objective, network = objective_of(model.model, steps=1), model.model.network
    x = model.samples(1).expand(64, 5)  # so that a gradient is a mean of 64
    names, weights = zip(*network.named_parameters(), strict=True)
    draws = []
    for seed in range(repeats):
        loss = objective.loss_terms(passed(model.model, x, seed), "model")["bound"]
        draws.append(torch.autograd.grad(loss, weights))
    return {name: torch.stack(values).double() for name, values in zip(names, zip(*draws, strict=True), strict=True)}


@pytest.mark.parametrize("k", [1, 8])
def test_both_gradients_are_equal_in_the_mean_and_that_of_dreg_varies_less(linear: Make, k: int) -> None:
    plain, doubly = (gradients(estimator, linear, k, 300) for estimator in ("iwae", "dreg"))
    assert {"latent.project.weight", "prior.mean"} <= plain.keys()
    for name, one in plain.items():
        two = doubly[name]
        error = ((one.var(dim=0) + two.var(dim=0)) / len(one)).sqrt()
        assert ((one.mean(dim=0) - two.mean(dim=0)).abs() <= 5 * error + 1e-6).all(), name
    encoder = "latent.project.bias"
    assert plain[encoder].mean(dim=0).abs().max() > 5 * plain[encoder].std(dim=0).max() / 300**0.5
    if k > 1:
        assert doubly[encoder].var(dim=0).sum() < 0.7 * plain[encoder].var(dim=0).sum()


def test_both_estimators_have_the_value_of_one_bound(linear: Make) -> None:
    x = linear().samples(64)
    values = {}
    for estimator in ("iwae", "dreg"):
        model = linear(objective={"type": "densities:iwae", "k": 5, "estimator": estimator}).model
        term = objective_of(model, steps=1).loss_terms
        values[estimator] = torch.stack([term(passed(model, x, seed), "model")["bound"] for seed in range(300)])
    one, two = (values[estimator].detach().double() for estimator in ("iwae", "dreg"))
    assert (one.mean() - two.mean()).abs() <= 5 * ((one.var() + two.var()) / 300).sqrt()


def test_a_penalty_of_the_code_has_its_gradient_beside_dreg(linear: Make) -> None:
    model = linear(objective={"type": "densities:iwae", "k": 5, "estimator": "dreg"}).model
    out = passed(model, linear().samples(3))
    penalty = out.code.z.square().sum()
    weight = model.network.latent.project.weight
    (alone,) = torch.autograd.grad(penalty, weight, retain_graph=True)
    bound = objective_of(model, steps=1).loss_terms(out, "model")["bound"]
    (of_bound,) = torch.autograd.grad(bound, weight, retain_graph=True)
    (together,) = torch.autograd.grad(penalty + bound, weight)
    torch.testing.assert_close(together, alone + of_bound)


# --- training ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["iwae", "dreg"])
def test_training_reaches_the_density_of_the_best_linear_model(spec: Make, linear: Make, estimator: str) -> None:
    x = linear().samples(2000)
    covariance = torch.cov(x.T).double()
    # A factor model of 2 of 5 directions, with this sigma: probabilistic PCA.
    values, vectors = torch.linalg.eigh(covariance)
    loaded = torch.where(torch.arange(5) >= 3, values, 0.36)
    best = torch.distributions.MultivariateNormal(x.mean(0).double(), (vectors * loaded) @ vectors.T)
    document = spec(
        objective={"type": "densities:iwae", "k": 8, "estimator": estimator},
        metrics=[{"type": "densities:iw_nll", "k": 500}],
        training={
            "steps": 800,
            "batch_size": 100,
            "optimizer": {"lr": {"type": "cosine", "start": 0.02, "end": 1e-4}},
        },
    )
    run = aezoo.train(document, x.numpy())
    scores = aezoo.evaluate(run.model, x.numpy(), split="all").metrics
    assert scores["densities:iw_nll"] == pytest.approx(-best.log_prob(x.double()).mean().item(), abs=0.03)
    assert run.model.score(x[:4].numpy()).shape == (4,)
    assert np.array_equal(run.model.score(x[:4].numpy()), run.model.score(x[:4].numpy(), by="elbo"))


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_latent_without_a_posterior_is_refused(spec: Make) -> None:
    with pytest.raises(SpecError, match=r"AZ501.*objective: needs a posterior; the latent 'determ"):
        aezoo.read(spec(latent={"type": "deterministic", "dim": 2}))


def test_a_kl_beside_the_bound_counts_the_rate_twice(spec: Make) -> None:
    with pytest.raises(SpecError, match=r"AZ521.*counted by the objective 'densities:iwae' already"):
        aezoo.read(spec(regularizers={"kl": {"weight": 1.0}}))


def test_a_likelihood_that_is_no_density_is_doubted(spec: Make) -> None:
    (lint,) = check(spec(likelihood="mse"))[1]
    assert lint.message == "the likelihood 'mse' is no density: the term bounds no log p(x)"


def test_the_metric_wants_the_number_of_draws_and_a_density(spec: Make) -> None:
    with pytest.raises(SpecError, match=r"AZ202.*metrics\[0\]\.k: is missing"):
        aezoo.read(spec(metrics=["densities:iw_nll"]))
    with pytest.raises(SpecError, match="densities:iw_nll means nothing for this spec"):
        aezoo.read(spec(likelihood="mse", metrics=[{"type": "densities:iw_nll", "k": 5}]))
