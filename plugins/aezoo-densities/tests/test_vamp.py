"""The VampPrior: a mixture of posteriors, by hand, by integration, in training, on disk and in copies."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import aezoo
from aezoo.errors import SpecError
from aezoo.nn.code import Output
from aezoo.nn.divergence import rate

Make = Callable[..., Any]
VAMP = {"type": "gaussian", "dim": 2, "prior": {"type": "densities:vamp", "components": 4}}
KL = {"objective": "standard", "regularizers": {"kl": {"weight": 1.0}}}
#: A plain batch norm and dropout, both of which are other functions in training.
NOISY = [{"type": "linear", "features": 6, "norm": "batch", "activation": "tanh"}, {"type": "dropout", "p": 0.5}]


@pytest.fixture
def model(spec: Make) -> aezoo.Model:
    return aezoo.build(spec(latent=VAMP, **KL))


def data(n: int = 400) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Two clusters."""
    draw = np.random.default_rng(0)
    return (draw.choice([-2.0, 2.0], (n, 1)) + 0.3 * draw.standard_normal((n, 5))).astype(np.float32)


def by_hand(model: aezoo.Model) -> MixtureSameFamily:
    """The prior as torch.distributions has it."""
    network: Any = model.network
    code = network.latent(network.features(network.prior.pseudo_inputs), None)
    components = Independent(Normal(code.mean, (code.logvar / 2).exp()), 1)
    return MixtureSameFamily(Categorical(torch.ones(len(code.mean))), components)


# --- the density ---------------------------------------------------------------------------------------------------


def test_the_density_is_the_mean_of_the_posteriors_of_the_pseudo_inputs(
    model: aezoo.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = 2 * torch.randn(50, 2, generator=Generator().manual_seed(0))
    expected = by_hand(model).log_prob(z)
    torch.testing.assert_close(model.network.prior.log_prob(z), expected)
    monkeypatch.setattr("aezoo_densities.vamp.VALUES", 4 * 2 * 7)  # in blocks of 7 codes
    torch.testing.assert_close(model.network.prior.log_prob(z), expected)


def test_the_density_integrates_to_one(model: aezoo.Model) -> None:
    axis = torch.linspace(-15, 15, 601, dtype=torch.double)
    grid = torch.cartesian_prod(axis, axis)
    prior: Any = model.network.double().prior
    with torch.no_grad():
        total = prior.log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert total.item() == pytest.approx(1, abs=1e-6)


def test_samples_have_the_moments_of_the_mixture(model: aezoo.Model) -> None:
    with torch.no_grad():
        model.network.prior.pseudo_inputs.mul_(3)
        drawn, expected = model.network.prior.sample(40_000, Generator().manual_seed(0)), by_hand(model)
    error = 5 * (expected.variance / len(drawn)).sqrt()
    assert ((drawn.mean(dim=0) - expected.mean).abs() < error).all()
    torch.testing.assert_close(drawn.var(dim=0), expected.variance, rtol=0.05, atol=0)


def test_a_spatial_code_has_the_density_of_its_values(spec: Make) -> None:
    latent = {"type": "gaussian", "dim": 3, "layout": "spatial", "prior": {"type": "densities:vamp", "components": 4}}
    encoder = [{"type": "conv", "channels": 4, "stride": 2}]
    document = spec(input={"shape": [1, 8, 8], "range": [0.0, 1.0]}, encoder=encoder, latent=latent, **KL)
    network: Any = aezoo.build(document).network
    z = network.prior.sample(5, Generator().manual_seed(0))
    assert z.shape == (5, 3, 4, 4)
    code = network.prior.posteriors()
    components = Normal(code.mean.flatten(1), (code.logvar / 2).exp().flatten(1))
    expected = components.log_prob(z.flatten(1).unsqueeze(1)).sum(2).logsumexp(1) - np.log(4)
    torch.testing.assert_close(network.prior.log_prob(z), expected)


# --- training ------------------------------------------------------------------------------------------------------


def test_a_gradient_reaches_each_pseudo_input_and_through_it_the_encoder(model: aezoo.Model) -> None:
    network: Any = model.network
    network.prior.log_prob(torch.zeros(3, 2)).sum().backward()
    assert (network.prior.pseudo_inputs.grad != 0).any(dim=1).all()
    assert network.latent.project.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("objective", [KL, {"objective": {"type": "densities:iwae", "k": 3, "estimator": "dreg"}}])
def test_training_moves_pseudo_inputs_and_reports_the_bound_that_it_trains(
    spec: Make, objective: dict[str, Any]
) -> None:
    document = spec(latent=VAMP, **objective, training={"steps": 150, "batch_size": 50, "optimizer": {"lr": 0.02}})
    start = aezoo.build(document).network.prior.pseudo_inputs.detach().clone()
    run = aezoo.train(document, data(4000))
    assert (run.model.network.prior.pseudo_inputs != start).any(dim=1).all()
    if objective is KL:
        trained = min(record["total"] for record in run.history if record["split"] == "validation")
        reported = -aezoo.evaluate(run.model, data(4000), split="validation").metrics["elbo"]
        # Means over 400 samples of one draw each, whose deviation is about 1: five standard errors of the difference.
        assert reported == pytest.approx(trained, abs=0.35)


@pytest.mark.parametrize("components", [4, 60])
def test_pseudo_inputs_start_as_samples_of_the_first_batch(spec: Make, components: int) -> None:
    latent = {**VAMP, "prior": {"type": "densities:vamp", "components": components}}
    training = {"steps": 1, "batch_size": 40, "optimizer": {"lr": 1e-12}}
    run = aezoo.train(spec(latent=latent, **KL, training=training), data())
    pseudo = run.model.network.prior.pseudo_inputs.detach()
    distances, nearest = torch.cdist(pseudo, torch.as_tensor(data())).min(dim=1)
    assert (distances < 0.02 * 5**0.5 * 5).all()
    assert len(nearest.unique()) == min(components, 40)
    assert len(pseudo.unique(dim=0)) == components


def test_a_mixture_of_posteriors_costs_less_than_one_normal_where_there_are_two_clusters(spec: Make) -> None:
    training = {"steps": 1000, "batch_size": 100, "optimizer": {"lr": 0.01}}
    nlls = []
    for latent in (VAMP, {"type": "gaussian", "dim": 2}):
        metrics = [{"type": "densities:iw_nll", "k": 200}]
        run = aezoo.train(spec(latent=latent, **KL, training=training, metrics=metrics), data(2000))
        nlls.append(aezoo.evaluate(run.model, data(2000), split="all").metrics["densities:iw_nll"])
    assert nlls[0] < nlls[1] - 0.1


def test_pseudo_inputs_pass_an_encoder_in_evaluation_mode_whatever_the_model_is_in(spec: Make) -> None:
    network: Any = aezoo.build(spec(encoder=NOISY, latent=VAMP, **KL)).network
    z = torch.zeros(3, 2)
    network(torch.as_tensor(data(50)), None, Generator().manual_seed(0))  # statistics of the data
    evaluated = network.eval().prior.log_prob(z)
    statistics = {name: value.clone() for name, value in network.state_dict().items()}
    assert torch.equal(network.train().prior.log_prob(z), evaluated)
    assert all(module.training for module in network.modules())
    assert all(torch.equal(value, statistics[name]) for name, value in network.state_dict().items())


def test_a_model_that_standardizes_has_pseudo_inputs_in_normalized_values(spec: Make) -> None:
    source = {"shape": [5], "kind": "vector", "normalize": "standardize"}
    run = aezoo.train(spec(input=source, latent=VAMP, **KL, training={"steps": 5, "batch_size": 50}), 1000 + data())
    assert run.model.network.prior.pseudo_inputs.abs().max() < 10
    out: Output = run.model.network(torch.as_tensor(1000 + data(9)), None, Generator().manual_seed(0))
    posterior = Normal(out.code.mean, (out.code.logvar / 2).exp()).log_prob(out.code.z).sum(1)
    torch.testing.assert_close(rate(out), posterior - by_hand(run.model).log_prob(out.code.z))


# --- saved, copied, counted -----------------------------------------------------------------------------------------


def test_samples_are_the_same_to_the_bit_after_load(model: aezoo.Model, tmp_path: Path) -> None:
    aezoo.save(model, tmp_path / "model")
    loaded = aezoo.load(tmp_path / "model")
    assert np.array_equal(loaded.sample(20), model.sample(20))
    assert np.array_equal(loaded.score(data(5)), model.score(data(5)))


def test_a_copy_of_a_model_reads_its_own_encoder(model: aezoo.Model) -> None:
    network: Any = model.network
    copy = deepcopy(network)
    z = torch.zeros(1, 2)
    before = network.prior.log_prob(z)
    with torch.no_grad():
        copy.latent.project.bias.add_(1.0)
    assert torch.equal(network.prior.log_prob(z), before)
    assert not torch.equal(copy.prior.log_prob(z), before)
    with torch.no_grad():
        network.latent.project.bias.add_(1.0)
    assert torch.equal(network.prior.log_prob(z), copy.prior.log_prob(z))


def test_weights_are_the_pseudo_inputs_and_nothing_twice(model: aezoo.Model) -> None:
    state = model.network.state_dict()
    assert [name for name in state if name.startswith("prior.")] == ["prior.pseudo_inputs"]
    assert model.spec.parameters == sum(value.numel() for value in model.network.parameters())


def test_other_draws_without_a_generator_follow_the_global_seed(model: aezoo.Model) -> None:
    draws: list[Tensor] = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(model.network.prior.sample(4))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_a_latent_without_a_posterior_is_refused_with_one_that_has(spec: Make) -> None:
    latent = {"type": "deterministic", "dim": 2, "prior": "densities:vamp"}
    message = r"AZ505.*latent\.prior: densities:vamp is a mixture of posteriors.*'deterministic' has none"
    with pytest.raises(SpecError, match=message):
        aezoo.read(spec(latent=latent, objective="standard", regularizers={}))


def test_a_loss_without_a_rate_is_refused(spec: Make) -> None:
    with pytest.raises(SpecError, match=r"AZ520.*'densities:vamp' learns by the rate"):
        aezoo.read(spec(latent=VAMP, objective="standard"))
