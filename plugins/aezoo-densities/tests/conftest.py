"""One thread, so that a crowded machine changes nothing; and a linear-Gaussian model, whose density is known."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings
from torch import Tensor
from torch.distributions import MultivariateNormal

import aezoo

torch.set_num_threads(1)

# No deadline: the duration depends on the machine.
settings.register_profile(
    "aezoo",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aezoo")

Document = dict[str, Any]
#: Standard deviation of the likelihood, and values of a sample and of a code.
SIGMA, DATA, CODE = 0.6, 5, 2


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """A run flushes denormals for the whole process; the next test finds them as they were."""
    yield
    torch.set_flush_denormal(False)


class Linear:
    """x = W z + b + noise, with a posterior of the right mean.

    Its covariance is too large and, being diagonal, of the wrong shape; with `exact`, W is such that it is right.
    """

    def __init__(self, *, exact: bool = False, **slots: Any) -> None:
        self.model = aezoo.build(document(**slots))
        network: Any = self.model.network
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.randn(DATA, CODE, generator=generator)
        if exact:
            self.weight = torch.linalg.qr(self.weight).Q
        self.bias = torch.randn(DATA, generator=generator)
        precision = self.weight.T @ self.weight + SIGMA**2 * torch.eye(CODE)
        to_mean = torch.linalg.solve(precision, self.weight.T)
        project, decode = network.latent.project, network.decoder[-1]
        with torch.no_grad():
            project.weight.copy_(torch.cat([to_mean, torch.zeros(CODE, DATA)]))
            logvar = (SIGMA**2 / precision.diagonal()).log() + (0.0 if exact else 0.3)
            project.bias.copy_(torch.cat([-to_mean @ self.bias, logvar]))
            affine = next(module for module in decode.modules() if isinstance(module, torch.nn.Linear))
            affine.weight.copy_(self.weight)
            affine.bias.copy_(self.bias)

    def samples(self, n: int, seed: int = 1) -> Tensor:
        """In the units of the loss."""
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(n, CODE, generator=generator)
        return z @ self.weight.T + self.bias + SIGMA * torch.randn(n, DATA, generator=generator)

    def of_known(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """log p(known values), [B], and samples with E[hidden | known] in place of the hidden ones, [B, D], exactly."""
        covariance = (self.weight @ self.weight.T + SIGMA**2 * torch.eye(DATA)).double()
        bias, filled, densities = self.bias.double(), x.double().clone(), []
        for row, k in zip(filled, known, strict=True):
            inner = covariance[k][:, k]
            densities.append(MultivariateNormal(bias[k], inner).log_prob(row[k]))
            row[~k] = bias[~k] + covariance[~k][:, k] @ torch.linalg.solve(inner, row[k] - bias[k])
        return torch.stack(densities), filled

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) of samples in the units of the loss, exactly."""
        covariance = self.weight @ self.weight.T + SIGMA**2 * torch.eye(DATA)
        return MultivariateNormal(self.bias.double(), covariance.double()).log_prob(x.double())


def document(**slots: Any) -> Document:
    return {
        "name": "linear",
        "input": {"shape": [DATA], "kind": "vector"},
        "latent": {"type": "gaussian", "dim": CODE},
        "likelihood": {"type": "gaussian", "variance": "fixed", "sigma": SIGMA},
        "objective": {"type": "densities:iwae", "k": 5},
        **slots,
    }


@pytest.fixture
def linear() -> Callable[..., Linear]:
    """Makes the linear-Gaussian model; called with the slots of its spec that differ."""
    return Linear


@pytest.fixture
def spec() -> Callable[..., Document]:
    """Makes the document of a small model; called with the slots that differ."""
    return document
