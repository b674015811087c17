"""Levels of a hierarchy, against torch.distributions, quadrature and values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output
from aezoo.nn.divergence import Rate, closed_form, log_ratio, rate, rate_values, rate_values_by_level
from aezoo.nn.hierarchy import GaussianLevel, Stochastic
from aezoo.nn.latent import Gaussian
from aezoo.nn.layer_stack import Read
from aezoo.nn.likelihood import Bernoulli


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn_level(shape: tuple[int, ...]) -> GaussianLevel:
    noise = generator(0)
    return GaussianLevel(*(torch.randn(*shape, generator=noise, dtype=torch.double) for _ in range(5)))


def normals(level: GaussianLevel) -> tuple[Normal, Normal]:
    return Normal(level.mean, (level.logvar / 2).exp()), Normal(level.prior_mean, (level.prior_logvar / 2).exp())


@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 2, 2)])
def test_the_divergence_of_a_level_is_that_of_two_gaussians(shape):
    level = drawn_level(shape)
    torch.testing.assert_close(level.kl(), kl_divergence(*normals(level)))


def test_the_log_ratio_of_a_level_is_that_of_its_densities():
    level = drawn_level((3, 4))
    posterior, prior = normals(level)
    torch.testing.assert_close(level.log_ratio(), (posterior.log_prob(level.h) - prior.log_prob(level.h)).sum(dim=1))


def layer_of(prior: list[float], posterior: list[float]) -> Stochastic:
    """A layer of one value whose maps ignore what they are given, and give these two numbers."""
    layer = Stochastic(nn.Linear(1, 2), nn.Linear(2, 2)).double()
    for module, bias in ((layer.prior, prior), (layer.posterior, posterior)):
        nn.init.zeros_(module.weight)
        module.bias.data = torch.tensor(bias, dtype=torch.double)
    return layer


def test_the_posterior_shifts_the_mean_of_the_prior_and_scales_its_variance():
    h = torch.zeros(1, 1, dtype=torch.double)
    level = layer_of([3.0, math.log(4.0)], [1.0, math.log(0.25)])(h, h, torch.ones_like)
    assert (level.prior_mean.item(), level.prior_logvar.item()) == (3.0, pytest.approx(math.log(4.0)))
    assert (level.mean.item(), level.logvar.item()) == (4.0, pytest.approx(0.0))
    assert level.h.item() == pytest.approx(5.0)  # the mean, and one deviation
    assert level.kl().item() == pytest.approx(0.5 * (1 / 4 + 1 / 4 - 1 - math.log(1 / 4)))


def test_without_an_encoder_a_level_is_drawn_from_its_prior_and_costs_nothing():
    h = torch.zeros(1, 1, dtype=torch.double)
    layer = layer_of([3.0, math.log(4.0)], [1.0, math.log(0.25)])
    level = layer(h, None, torch.ones_like)
    assert level.h.item() == pytest.approx(5.0)  # 3 + 2 * 1
    assert level.kl().item() == level.log_ratio().item() == 0.0


def test_without_noise_a_level_is_its_mean():
    h = torch.zeros(1, 1, dtype=torch.double)
    layer = layer_of([3.0, 0.0], [1.0, 0.0])
    assert (layer(h, h).h.item(), layer(h, None).h.item()) == (4.0, 3.0)


def model_of(seed: int = 0, dims: tuple[int, int, int] = (2, 3, 1)) -> Autoencoder:
    """A code of `dims[0]` values and two levels below it, for inputs of four bits."""
    top, middle, bottom = dims
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Autoencoder(
            input_shape=[4],
            encoder=[nn.Sequential(nn.Linear(4, 5), nn.Tanh()), nn.Sequential(nn.Linear(5, 6), nn.Tanh())],
            latent=Gaussian(nn.Linear(6, 2 * top)),
            decoder=[
                Stochastic(nn.Linear(top, 2 * middle), nn.Linear(top + 6, 2 * middle)),
                nn.Sequential(nn.Linear(middle, 5), nn.Tanh()),
                Stochastic(nn.Linear(5, 2 * bottom), nn.Linear(10, 2 * bottom)),
                nn.Linear(bottom, 4),
            ],
            likelihood=Bernoulli(),
            reads={"decoder.0": Read("encoder.1", 0, True), "decoder.2": Read("encoder.0", 0, True)},
        )
        for p in network.parameters():
            p.data.mul_(2)  # far enough from the prior for a rate to count
        return network.double().eval()


def bits(n: int) -> Tensor:
    return torch.randint(2, (n, 4), generator=generator(1)).double()


def passed(network: Autoencoder, n: int = 6) -> Output:
    with torch.no_grad():
        return network(bits(n), generator=generator(2))


def test_the_rate_is_that_of_the_code_and_of_every_level():
    out = passed(model_of())
    code, *levels = rate_values_by_level(out)
    assert [part.shape for part in (code, *levels)] == [(6, 2), (6, 3), (6, 1)]
    assert all(bool((part.sum(dim=1) > 1e-3).all()) for part in (code, *levels))
    torch.testing.assert_close(rate_values(out), torch.cat([code, *levels], dim=1))
    torch.testing.assert_close(rate(out), code.sum(dim=1) + levels[0].sum(dim=1) + levels[1].sum(dim=1))
    torch.testing.assert_close(Rate()(out), rate(out).mean())


def test_free_bits_are_free_in_every_level():
    out = passed(model_of())
    expected = sum(part.mean(dim=0).clamp_min(0.3).sum() for part in rate_values_by_level(out))
    torch.testing.assert_close(Rate(free_bits=0.3)(out), expected)


def test_a_rate_with_levels_depends_on_the_draw():
    assert closed_form(passed(model_of())) is None


def test_the_rate_is_the_mean_of_log_q_minus_log_p_over_all_levels():
    network, n = model_of(), 100_000
    with torch.no_grad():
        out = network(bits(1).expand(n, 4), generator=generator(3))
    difference = log_ratio(out) - rate(out)
    # The mean over draws of each; three standard errors of their difference.
    assert abs(difference.mean().item()) < 3 * difference.std().item() / math.sqrt(n)


def test_the_chain_of_priors_integrates_to_one():
    network = model_of(dims=(1, 1, 1))
    grid = torch.linspace(-40, 40, 8001, dtype=torch.double)
    step = (grid[1] - grid[0]).item()

    def density(layer: nn.Module, h: Tensor) -> Tensor:
        """p(z | h) for each h and each z of the grid: [B, Z]."""
        level = layer(h, None)
        return Normal(level.prior_mean, (level.prior_logvar / 2).exp()).log_prob(grid).exp()

    with torch.no_grad():
        coarse = torch.linspace(-8, 8, 161, dtype=torch.double).unsqueeze(1)  # [Z, 1]
        top = Normal(0.0, 1.0).log_prob(coarse[:, 0]).exp() * 0.1
        middle = density(network.decoder[0], coarse) * step  # [Z, Z']
        bottom = (density(network.decoder[2], network.decoder[1](grid.unsqueeze(1))) * step).sum(dim=1)  # [Z']
    assert (top @ (middle @ bottom)).item() == pytest.approx(1.0, abs=1e-6)


def test_the_mean_importance_weight_is_the_density_by_quadrature():
    network, x, n = model_of(dims=(1, 1, 1)), bits(1), 400_000
    with torch.no_grad():
        out = network(x.expand(n, 4), generator=generator(4))
        weights = -(network.likelihood.nll(out.raw, out.x) + log_ratio(out))
        estimate = (weights.logsumexp(dim=0) - math.log(n)).item()
        assert estimate == pytest.approx(by_quadrature(network, x), abs=0.01)
        assert -(network.likelihood.nll(out.raw, out.x) + rate(out)).mean().item() < estimate  # the ELBO is a bound


def by_quadrature(network: Autoencoder, x: Tensor) -> float:
    """log p(x) of a model of three values, on a grid of each."""
    grid = torch.linspace(-9, 9, 361, dtype=torch.double).unsqueeze(1)  # [Z, 1]
    step = 0.05

    def log_prior(layer: nn.Module, h: Tensor) -> Tensor:
        level = layer(h, None)
        return Normal(level.prior_mean, (level.prior_logvar / 2).exp()).log_prob(grid[:, 0]) + math.log(step)

    first, between, second, last = network.decoder
    log_x = -network.likelihood.nll(last(grid), x.expand(len(grid), 4))  # [Z_2]
    log_x = (log_prior(second, between(grid)) + log_x).logsumexp(dim=1)  # [Z_1]
    log_x = (log_prior(first, grid) + log_x).logsumexp(dim=1)  # [Z_0]
    return (Normal(0.0, 1.0).log_prob(grid[:, 0]) + math.log(step) + log_x).logsumexp(dim=0).item()


def test_another_draw_of_the_same_code_changes_levels_and_output_alone():
    network = model_of()
    out = passed(network)
    with torch.no_grad():
        again = network.redecode(out, out.code, lambda like: torch.randn(like.shape, dtype=like.dtype))
    assert again.code is out.code
    assert not torch.equal(again.levels[0].h, out.levels[0].h)
    assert torch.equal(again.levels[0].mean, out.levels[0].mean)  # of the same code and tap
    assert not torch.equal(again.levels[1].mean, out.levels[1].mean)  # it hangs on the level above
    assert not torch.equal(again.raw, out.raw)


def test_a_pass_is_decoded_again_as_it_was():
    network = model_of()
    with torch.no_grad():
        out = network(bits(6))
        again = network.redecode(out, out.code)
    assert torch.equal(again.raw, out.raw)
    assert all(map(torch.equal, again.levels[1], out.levels[1]))


def test_a_reconstruction_has_the_posteriors_of_all_levels_and_decoding_their_priors():
    network, x = model_of(), bits(6)
    with torch.no_grad():
        assert torch.equal(network.reconstruct(x), network(x).raw.sigmoid())
        decoded = network.decode(network.encode(x).z)
        z = network.encode(x).z
        for layer in network.decoder:
            z = layer(z, None).h if isinstance(layer, Stochastic) else layer(z)
    assert torch.equal(decoded, z.sigmoid())
    assert not torch.allclose(decoded, network.reconstruct(x))
