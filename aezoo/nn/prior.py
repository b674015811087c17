"""Densities over codes."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from aezoo.errors import DataError, RunFailed

LOG_2PI = math.log(2 * math.pi)


class StandardNormal(nn.Module):
    """N(0, I) over codes of one shape.

    Shape:
        z: [B, *code] -> log_prob: [B]
    """

    origin: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        # A buffer only to follow the model's device and dtype: not saved.
        self.register_buffer("origin", torch.zeros(shape), persistent=False)

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """`n` codes; the generator lives on the module's device."""
        like = self.origin
        return torch.randn((n, *like.shape), generator=generator, device=like.device, dtype=like.dtype)

    def log_prob(self, z: Tensor) -> Tensor:
        return -0.5 * (z.square() + LOG_2PI).flatten(1).sum(dim=-1)

    def fit(self, codes: Tensor) -> None:
        """Nothing to learn."""


class Mixture(nn.Module):
    """A mixture of Gaussians of diagonal covariance, whose weights, means and variances learn with the model.

    Args:
        shape: Of a code, of D values.
        components: How many Gaussians, K.

    Shape:
        z: [B, *code] -> log_prob: [B]
    """

    def __init__(self, shape: tuple[int, ...], components: int) -> None:
        super().__init__()
        self.shape = shape
        dim = math.prod(shape)
        self.logits = nn.Parameter(torch.zeros(components))
        # Different from the start: equal components would have equal gradients, and stay equal.
        self.mean = nn.Parameter(torch.randn(components, dim))
        self.logvar = nn.Parameter(torch.zeros(components, dim))

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """`n` codes; the generator lives on the module's device."""
        chosen = torch.multinomial(self.logits.softmax(dim=0), n, replacement=True, generator=generator)  # [n]
        mean, deviation = self.mean[chosen], (self.logvar[chosen] / 2).exp()
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        return (mean + deviation * noise).reshape(n, *self.shape)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats."""
        return gaussian_mixture(z.flatten(1), self.logits, self.mean, self.logvar)

    def fit(self, codes: Tensor) -> None:
        """Nothing to learn after training."""


def gaussian_mixture(z: Tensor, logits: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """log sum_k softmax(logits)_k N(z; mean_k, exp(logvar_k)), in nats.

    Shape:
        z: [B, D], logits: [K], mean and logvar: [K, D] -> [B]
    """
    scaled = (z.unsqueeze(1) - mean).square() * (-logvar).exp()  # [B, K, D]
    components = -0.5 * (scaled + logvar + LOG_2PI).sum(dim=-1)  # [B, K]
    return torch.logsumexp(components + logits.log_softmax(dim=0), dim=-1)


class FittedGaussian(nn.Module):
    """A Gaussian of full covariance, fitted to the codes of the training set after training.

    Ghosh et al. 2019, "From variational to deterministic autoencoders", arXiv:1903.12436, section 4 (there a
    mixture of ten; this is the mixture of one).

    Shape:
        z: [B, *code] -> log_prob: [B]
    """

    mean: Tensor
    chol: Tensor
    fitted: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        dim = math.prod(shape)
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("chol", torch.eye(dim))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def fit(self, codes: Tensor) -> None:
        """Maximum likelihood on codes [N, *code], a millionth of the mean variance added to each axis.

        Raises:
            DataError: There are fewer than two codes.
            RunFailed: A code is not finite.
        """
        if len(codes) < 2:
            raise DataError(f"a Gaussian is fitted to at least 2 codes, got {len(codes)}")
        flat = codes.detach().flatten(1).cpu().double()
        if not flat.isfinite().all():
            raise RunFailed("a Gaussian cannot be fitted to codes that are not finite", hint="the model has diverged")
        mean = flat.mean(dim=0)
        centred = flat - mean
        covariance = centred.T @ centred / len(flat)
        # Dead units make the covariance singular. The constant is for codes that are all equal.
        ridge = 1e-6 * covariance.diagonal().mean() + 1e-12
        chol = torch.linalg.cholesky(covariance + ridge * torch.eye(len(mean), dtype=flat.dtype))
        self.mean.copy_(mean)
        self.chol.copy_(chol)
        self.fitted.fill_(True)

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """`n` codes. Raises `DataError` before `fit`; the generator lives on the module's device."""
        self._require_fit()
        mean = self.mean
        noise = torch.randn((n, len(mean)), generator=generator, device=mean.device, dtype=mean.dtype)
        return (mean + noise @ self.chol.T).reshape(n, *self.shape)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats. Raises `DataError` before `fit`."""
        self._require_fit()
        centred = (z.flatten(1) - self.mean).T  # [D, B]
        white = torch.linalg.solve_triangular(self.chol, centred, upper=False)
        logdet = self.chol.diagonal().log().sum()
        log_prob: Tensor = -0.5 * (white.square() + LOG_2PI).sum(dim=0) - logdet
        return log_prob

    def _require_fit(self) -> None:
        if not self.fitted:
            raise DataError(
                "the prior 'fitted_gaussian' is not fitted yet",
                hint="train the model first (training ends by fitting it), or call prior.fit(codes)",
            )
