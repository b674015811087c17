"""Importance weights of hierarchies: two linear Gaussian levels, whose density is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from aezoo_densities.importance import ImportanceWeighted, log_likelihood
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal

import aezoo
from aezoo.errors import SpecError
from aezoo.nn.metrics import elbo

Make = Callable[..., Any]
DATA, LEVEL, CODE, SIGMA = 5, 3, 2, 0.6


def linear(features: int) -> dict[str, Any]:
    return {"type": "linear", "features": features, "activation": "identity"}


@pytest.fixture
def slots() -> dict[str, Any]:
    return {
        "input": {"shape": [DATA], "kind": "vector"},
        "encoder": [linear(4)],
        "latent": {"type": "gaussian", "dim": CODE},
        "decoder": [{"type": "stochastic", "dim": LEVEL, "reads": "encoder.0"}, linear(DATA)],
        "objective": {"type": "densities:iwae", "k": 5},
    }


@pytest.fixture
def model(spec: Make, slots: dict[str, Any]) -> aezoo.Model:
    """The prior of the level has a mean that is linear in the code, and one variance; posteriors are near priors."""
    built = aezoo.build(spec(**slots), seed=0)
    with torch.no_grad():
        built.network.decoder[0].prior.weight[LEVEL:] = 0
        for project in (built.network.latent.project, built.network.decoder[0].posterior):
            project.weight.mul_(0.2)
    return built


def exact(model: aezoo.Model, x: Tensor) -> Tensor:
    """log p(x): x = W (A z + c + e) + b + noise is a Gaussian."""
    network: Any = model.network
    prior, last = network.decoder[0].prior, network.decoder[1].linear
    slope, shift = prior.weight[:LEVEL].double(), prior.bias[:LEVEL].double()
    inner = slope @ slope.T + prior.bias[LEVEL:].double().exp().diag()
    weight = last.weight.double()
    mean = weight @ shift + last.bias.double()
    covariance = weight @ inner @ weight.T + SIGMA**2 * torch.eye(DATA, dtype=torch.double)
    return MultivariateNormal(mean, covariance).log_prob(x.double())


def samples() -> Tensor:
    return 0.7 * torch.randn(8, DATA, generator=Generator().manual_seed(1))


def test_the_estimate_counts_every_level_and_is_the_density(model):
    x = samples()
    with torch.no_grad():
        estimate, density = log_likelihood(model.network(x), 100_000), exact(model, x)
    # The log of a mean of 100,000 weights has a deviation below 0.02 where the posteriors are this near.
    torch.testing.assert_close(estimate, density, rtol=0, atol=0.08)


def test_the_elbo_is_below_the_density_by_what_the_posteriors_miss(model):
    x = samples().repeat_interleave(5000, dim=0)
    with torch.no_grad():
        bound = elbo(model.network(x, generator=Generator().manual_seed(2))).double().reshape(8, -1)
        density = exact(model, samples())
    assert bool((bound.mean(dim=1) < density).all())


def test_the_bound_of_one_draw_is_the_elbo_by_that_draw(model):
    x = samples().repeat(2000, 1)
    with torch.no_grad():
        out = model.network(x, generator=Generator().manual_seed(3))
        bound = ImportanceWeighted(1)(out, "model")["bound"]
        error = elbo(out).std() / len(x) ** 0.5
    # Their difference is log q - log p at the draw in place of its mean.
    assert bound.item() == pytest.approx(-elbo(out).mean().item(), abs=5 * error.item())


def test_more_draws_lower_the_bound(model):
    x = samples().repeat(200, 1)
    with torch.no_grad():
        out = model.network(x, generator=Generator().manual_seed(4))
        one, many = (ImportanceWeighted(k)(out, "model")["bound"].item() for k in (1, 20))
    assert many < one - 0.05


def test_a_hierarchy_trains_by_the_bound_alone(spec, slots):
    run = aezoo.train(spec(**slots, training={"steps": 30, "batch_size": 16}), samples().repeat(10, 1).numpy())
    totals = [record["bound"] for record in run.history if record["split"] == "validation"]
    assert totals[-1] < totals[0]


def test_the_doubly_reparameterized_gradient_refuses_levels(spec, slots):
    objective = {"type": "densities:iwae", "k": 5, "estimator": "dreg"}
    with pytest.raises(SpecError, match="derived for one code, and the decoder draws levels below it"):
        aezoo.read(spec(**{**slots, "objective": objective}))


def test_pseudo_inputs_pass_through_no_layer_that_reads(spec):
    encoder = [linear(4), {"type": "join", "reads": "encoder.0"}]
    latent = {"type": "gaussian", "dim": CODE, "prior": "densities:vamp"}
    with pytest.raises(SpecError, match="a layer of it reads a tap beside its input"):
        aezoo.read(spec(encoder=encoder, latent=latent, decoder=[linear(DATA)]))
