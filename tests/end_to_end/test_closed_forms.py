"""Linear autoencoders have exact optima: each spec here is trained by the real loop and must reach its own.

Test bed: 2,000 samples of a 12-dimensional Gaussian whose sample covariance is exactly diag(L) in a rotated frame.
References: Baldi and Hornik 1989; Tipping and Bishop 1999; Lucas et al. 2019 (arXiv:1911.02469); Cover and Thomas,
Elements of Information Theory, section 10.3.3 (reverse water-filling).
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import aezoo
from aezoo.nn.autoencoder import Autoencoder

EIGENVALUES = [9.0, 6.0, 4.0, 2.5, 1.2, 0.8, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02]
L = torch.tensor(EIGENVALUES, dtype=torch.float64)
D, DIM, N = 12, 4, 2000
LBFGS = {"type": "lbfgs", "tolerance_grad": 1e-12, "tolerance_change": 0.0, "history_size": 50}


def linear_spec(**changes: Any) -> dict[str, Any]:
    """A linear autoencoder 12 -> 4 -> 12 in float64, full batches, all rows used for training."""
    spec: dict[str, Any] = {
        "name": "linear",
        "input": [D],
        "latent": {"type": "deterministic", "dim": DIM},
        "likelihood": "mse",
        "data": {
            "type": "gaussian",
            "n": N,
            "eigenvalues": EIGENVALUES,
            "whiten": True,
            "validation": 0.0,
            "test": 0.0,
        },
        "training": {"steps": 60, "batch_size": N, "precision": "float64", "optimizer": LBFGS},
    }
    return {**spec, **changes}


def adam(steps: int, start: float = 2e-2, end: float = 1e-5, **more: Any) -> dict[str, Any]:
    """Noisy objectives: Adam, with a learning rate that falls far enough to average the noise away."""
    return {
        "steps": steps,
        "batch_size": N,
        "precision": "float64",
        "optimizer": {"type": "adam", "lr": {"type": "cosine", "start": start, "end": end}},
        "best_by": "last",
        **more,
    }


def trained(spec: dict[str, Any]) -> tuple[Autoencoder, Tensor]:
    """The trained network and the data it saw."""
    run = aezoo.train(spec)
    network = run.model.network
    samples = run.model.spec.data.load(shape=(D,), seed=0)
    return network, torch.from_numpy(samples.values).double()


def maps(network: Autoencoder) -> tuple[Tensor, Tensor]:
    """The affine model's encoder [d, D] and decoder [D, d] matrices, read off by basis vectors."""
    with torch.no_grad():
        origin = network.code_of(torch.zeros(1, D, dtype=torch.float64))
        encoder = (network.code_of(torch.eye(D, dtype=torch.float64)) - origin).T
        base = network.decode(torch.zeros(1, DIM, dtype=torch.float64))
        decoder = (network.decode(torch.eye(DIM, dtype=torch.float64)) - base).T
    return encoder, decoder


def principal(x: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, falling, and eigenvectors [D, D] of the (1/N) covariance."""
    centred = x - x.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
    return values.flip(0), vectors.flip(1)


def test_the_test_bed_has_exactly_the_eigenvalues_it_says() -> None:
    samples = aezoo.read(linear_spec()).data.load(shape=(D,), seed=0)
    values, _ = principal(torch.from_numpy(samples.values).double())
    # float32 at rest: six digits of the largest eigenvalue
    torch.testing.assert_close(values, L, rtol=0, atol=2e-5)


def test_a_linear_autoencoder_finds_the_principal_subspace() -> None:
    network, x = trained(linear_spec())
    values, vectors = principal(x)
    encoder, decoder = maps(network)
    product = decoder @ encoder
    projection = vectors[:, :DIM] @ vectors[:, :DIM].T
    # L-BFGS stops at a gradient of 1e-7 or so; a subspace angle is linear in that
    torch.testing.assert_close(product, projection, rtol=0, atol=1e-4)
    with torch.no_grad():
        loss = (network.decode(network.code_of(x)) - x).square().sum(1).mean()
    assert loss.item() == pytest.approx(values[DIM:].sum().item(), abs=1e-6)


def exact_gaussian_elbo(network: Autoencoder, x: Tensor, variance: float) -> tuple[float, Tensor]:
    """-ELBO of a linear VAE without sampling, and its KL per dimension: E|x - Wz - b|^2 is a quadratic in z."""
    with torch.no_grad():
        code = network.encode(x)
        _, decoder = maps(network)
        q_variance = code.logvar.exp()
        residual = (network.decode(code.mean) - x).square().sum(1)
        spread = (q_variance * decoder.square().sum(0)).sum(1)
        distortion = (residual + spread).mean()
        kl = 0.5 * (code.mean.square() + q_variance - 1 - code.logvar).mean(0)
        nll = distortion / (2 * variance) + D / 2 * math.log(2 * math.pi * variance)
        return (nll + kl.sum()).item(), kl


def test_a_linear_vae_with_learned_variance_is_probabilistic_pca() -> None:
    spec = linear_spec(
        latent={"type": "gaussian", "dim": DIM},
        likelihood={"type": "gaussian", "variance": "learned"},
        regularizers={"kl": {"weight": 1.0}},
        training=adam(2000),
    )
    network, x = trained(spec)
    values, _ = principal(x)
    variance = values[DIM:].mean().item()
    bound = 0.5 * (D * math.log(2 * math.pi) + values[:DIM].log().sum().item() + (D - DIM) * math.log(variance) + D)
    sigma2 = math.exp(2 * network.likelihood.log_scale.item())
    # noise of 2,000 single draws: the loss is quadratic in the parameters' error, sigma linear
    assert sigma2 == pytest.approx(variance, rel=0.03)
    elbo, kl = exact_gaussian_elbo(network, x, sigma2)
    assert bound - 1e-6 <= elbo <= bound + 0.01
    expected = 0.5 * (values[:DIM] / variance).log()
    torch.testing.assert_close(kl.sort(descending=True).values, expected, rtol=0, atol=0.05)


@pytest.mark.parametrize(
    ("beta", "active"),
    [pytest.param(0.5, 4, marks=pytest.mark.slow), (3.0, 3), pytest.param(5.0, 2, marks=pytest.mark.slow)],
)
def test_a_linear_beta_vae_fills_water_in_reverse(beta: float, active: int) -> None:
    spec = linear_spec(
        latent={"type": "gaussian", "dim": DIM},
        likelihood={"type": "gaussian", "variance": "fixed", "sigma": 1.0},
        regularizers={"kl": {"weight": beta}},
        training=adam(2000),
    )
    network, x = trained(spec)
    values, _ = principal(x)
    top = values[:DIM]
    threshold = beta * 1.0
    rate = 0.5 * (top / threshold).clamp_min(1).log().sum().item()
    distortion = (top.clamp_max(threshold).sum() + values[DIM:].sum()).item()
    elbo, kl = exact_gaussian_elbo(network, x, 1.0)
    nll = elbo - kl.sum().item()
    reached = 2 * (nll - D / 2 * math.log(2 * math.pi))
    assert int((kl > 0.01).sum()) == active
    assert kl.sum().item() == pytest.approx(rate, abs=0.03)
    assert reached == pytest.approx(distortion, rel=0.02)


def test_a_linear_autoencoder_under_gaussian_noise_shrinks_like_the_wiener_filter() -> None:
    variance = 1.0
    spec = linear_spec(corruption=[{"type": "gaussian_noise", "std": variance**0.5}], training=adam(2000))
    network, x = trained(spec)
    values, vectors = principal(x)
    encoder, decoder = maps(network)
    top, u = values[:DIM], vectors[:, :DIM]
    expected = u @ torch.diag(top / (top + variance)) @ u.T
    # noise of 2,000 draws of 2,000 x 12 values, averaged by the falling learning rate
    torch.testing.assert_close(decoder @ encoder, expected, rtol=0, atol=0.02)
    a = decoder @ encoder
    s = x.T @ x / N
    eye = torch.eye(D, dtype=torch.float64)
    loss = torch.trace((a - eye) @ s @ (a - eye).T + variance * a @ a.T).item()
    optimum = (top * variance / (top + variance)).sum().item() + values[DIM:].sum().item()
    assert optimum - 1e-9 <= loss <= optimum * 1.002


def test_a_linear_autoencoder_under_masking_is_reduced_rank_regression() -> None:
    p = 0.3
    spec = linear_spec(corruption=[{"type": "mask", "p": p}], training=adam(2500))
    network, x = trained(spec)
    s = x.T @ x / N
    kept = (1 - p) ** 2 * s + p * (1 - p) * torch.diag(s.diag())  # covariance of the masked input
    cross = (1 - p) * s
    full = cross @ torch.linalg.inv(kept)
    _, vectors = torch.linalg.eigh(full @ kept @ full.T)
    u = vectors[:, -DIM:]
    best = u @ u.T @ full
    encoder, decoder = maps(network)
    a = decoder @ encoder

    def loss(m: Tensor) -> float:
        return torch.trace(s - 2 * m @ cross.T + m @ kept @ m.T).item()

    # biases of the masked problem vanish with the mean, which is exactly zero here
    assert loss(best) - 1e-9 <= loss(a) <= loss(best) * 1.002
    torch.testing.assert_close(a, best, rtol=0, atol=0.05)


def test_a_tied_linear_contractive_autoencoder_shrinks_each_axis_by_its_eigenvalue() -> None:
    weight = 2.0
    spec = linear_spec(
        decoder={"tied": True},
        regularizers={"contraction": {"type": "contractive", "weight": weight}},
    )
    network, x = trained(spec)
    values, _ = principal(x)
    top = values[:DIM]
    encoder, _ = maps(network)
    squared = torch.linalg.svdvals(encoder).square()
    expected = (1 - weight / (2 * top)).clamp_min(0)
    torch.testing.assert_close(squared, expected, rtol=0, atol=1e-5)
    with torch.no_grad():
        loss = (network.decode(network.code_of(x)) - x).square().sum(1).mean() + weight * encoder.square().sum()
    optimum = (weight - weight**2 / (4 * top)).sum().item() + values[DIM:].sum().item()
    assert loss.item() == pytest.approx(optimum, abs=1e-6)
