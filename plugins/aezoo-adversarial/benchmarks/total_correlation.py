"""FactorVAE's estimate of the total correlation of Gaussian codes against the closed form; three seeds, one thread.

python benchmarks/total_correlation.py
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from aezoo_adversarial.measures import gaussian_total_correlation

import aezoo
from aezoo.storage import training_tensors

SPEC = Path(str(files("aezoo_adversarial"))) / "specs" / "total-correlation.toml"
#: Variance of the data along two directions, 1 along four: the larger, the more the codes depend on each other.
VARIANCES = (6.0, 20.0, 60.0, 200.0)
SEEDS = (0, 1, 2)
FRESH = 500_000


class Measured(NamedTuple):
    """What a trained critic says of fresh codes, in nats, and what is so."""

    estimate: float
    standard_error: float
    truth: float


def main() -> None:
    """Print a row for each total correlation and seed."""
    print(f"{'variance':>8}  {'seed':>4}{'closed form':>13}{'estimate':>10}{'+-':>8}{'off by':>9}")
    for variance in VARIANCES:
        for seed in SEEDS:
            result = measure(variance, seed)
            off = result.estimate / result.truth - 1
            row = f"{result.truth:>13.4f}{result.estimate:>10.4f}{result.standard_error:>8.4f}{off:>9.1%}"
            print(f"{variance:>8g}  {seed:>4}{row}", flush=True)


def measure(variance: float, seed: int) -> Measured:
    """Train a critic; estimate the total correlation on other codes."""
    eigenvalues = [variance, variance, 1.0, 1.0, 1.0, 1.0]
    spec = aezoo.read(SPEC, overrides=[f"data.eigenvalues={eigenvalues}", f"training.seed={seed}", f"data.seed={seed}"])
    with TemporaryDirectory() as folder:
        aezoo.train(spec, out=Path(folder) / "run")
        model = aezoo.load(Path(folder) / "run")
        critic = training_tensors.restore(model, Path(folder) / "run").loss_terms.critic
    covariance = _covariance(model, torch.from_numpy(spec.data.matrix()))
    draws = torch.randn((FRESH, len(covariance)), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        bias = model.network.latent.project.bias[: len(covariance)]
        logits = critic((draws @ torch.linalg.cholesky(covariance).T).float() + bias)
    return Measured(float(logits.mean()), float(logits.std() / FRESH**0.5), gaussian_total_correlation(covariance))


def _covariance(model: aezoo.Model, data: torch.Tensor) -> torch.Tensor:
    """Of the codes, exactly: W C W' of their means, and the variance of their noise."""
    latent = model.network.latent
    code = model.network.eval().encode(torch.zeros(1, len(data)))
    weight = latent.project.weight.detach()[: code.mean.shape[1]].double()
    return weight @ data @ weight.T + torch.diag(code.logvar[0].detach().double().exp())


if __name__ == "__main__":
    main()
