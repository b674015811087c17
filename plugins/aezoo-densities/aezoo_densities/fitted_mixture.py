"""A mixture of Gaussians, fitted to codes by expectation maximization."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.prior import LOG_2PI
from aezoo.plugin import DataError

#: Runs of EM, each from other codes; a run ends when a step gains fewer nats than this, or after this many steps.
STARTS, GAIN, STEPS = 4, 1e-6, 200


class FittedMixture(nn.Module):
    """A mixture of Gaussians of full covariance, fitted to the codes of the training set after training.

    Ghosh et al. 2019, "From variational to deterministic autoencoders", arXiv:1903.12436, section 4.

    Args:
        shape: Of a code, of D values.
        components: How many Gaussians, K.

    Shape:
        z: [B, *code] -> log_prob: [B]
    """

    log_weights: Tensor
    mean: Tensor
    chol: Tensor
    fitted: Tensor

    def __init__(self, shape: tuple[int, ...], components: int) -> None:
        super().__init__()
        self.shape = shape
        dim = math.prod(shape)
        self.register_buffer("log_weights", torch.full((components,), -math.log(components)))
        self.register_buffer("mean", torch.zeros(components, dim))
        self.register_buffer("chol", torch.eye(dim).repeat(components, 1, 1))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def fit(self, codes: Tensor) -> None:
        """Maximum likelihood on codes [N, *code], the best of some runs of EM; the same codes give the same fit.

        Raises:
            DataError: There are not two codes for each Gaussian, or a code is not finite.
        """
        flat = codes.detach().flatten(1).cpu().double()
        count = len(self.log_weights)
        if len(flat) < 2 * count:
            message = f"a mixture of {count} Gaussians is fitted to at least {2 * count} codes, got {len(flat)}"
            raise DataError(message, hint="take fewer components")
        if not flat.isfinite().all():
            raise DataError("a mixture cannot be fitted to codes that are not finite", hint="the model has diverged")
        fits = [expectation_maximization(flat, count, seed=seed) for seed in range(STARTS)]
        _, log_weights, mean, chol = max(fits, key=lambda fit: fit[0])
        self.log_weights.copy_(log_weights)
        self.mean.copy_(mean)
        self.chol.copy_(chol)
        self.fitted.fill_(True)

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """`n` codes; the generator lives on the module's device. Raises `DataError` before `fit`."""
        self._require_fit()
        chosen = torch.multinomial(self.log_weights.exp(), n, replacement=True, generator=generator)
        mean, chol = self.mean[chosen], self.chol[chosen]
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        return (mean + (chol @ noise.unsqueeze(-1)).squeeze(-1)).reshape(n, *self.shape)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density in nats. Raises `DataError` before `fit`."""
        self._require_fit()
        return joint(z.flatten(1), self.log_weights, self.mean, self.chol).logsumexp(dim=1)

    def _require_fit(self) -> None:
        if not self.fitted:
            hint = "train the model first (training ends by fitting it), or call prior.fit(codes)"
            raise DataError("the prior 'densities:fitted_mixture' is not fitted yet", hint=hint)


def joint(z: Tensor, log_weights: Tensor, mean: Tensor, chol: Tensor) -> Tensor:
    """log of weight_k N(z; mean_k, chol_k chol_k^T), in nats.

    Shape:
        z: [B, D], log_weights: [K], mean: [K, D], chol: [K, D, D] -> [B, K]
    """
    centred = (z.unsqueeze(0) - mean.unsqueeze(1)).transpose(1, 2)  # [K, D, B]
    white = torch.linalg.solve_triangular(chol, centred, upper=False)
    log_det = chol.diagonal(dim1=1, dim2=2).log().sum(dim=1)
    densities: Tensor = -0.5 * (white.square() + LOG_2PI).sum(dim=1).T - log_det
    return densities + log_weights


def expectation_maximization(codes: Tensor, components: int, *, seed: int) -> tuple[float, Tensor, Tensor, Tensor]:
    """Mean log density, log weights [K], means [K, D] and Cholesky factors [K, D, D] of a mixture, by EM.

    The start is hard assignment to codes that lie apart (k-means++). A thousandth of the mean variance is added to each
    axis of a covariance: a Gaussian on a single code would have a density without bound.

    Args:
        codes: [N, D], in float64.
        components: How many Gaussians, K.
        seed: Of the codes that it starts from.
    """
    ridge = 1e-3 * codes.var(dim=0).mean() + 1e-12
    distances = torch.cdist(codes, _apart(codes, components, Generator().manual_seed(seed)))
    shares = nn.functional.one_hot(distances.argmin(dim=1), components).to(codes)  # [N, K]
    last = -math.inf
    for _ in range(STEPS):
        log_weights, mean, chol = _maximize(codes, shares, ridge)
        log_joint = joint(codes, log_weights, mean, chol)
        value = log_joint.logsumexp(dim=1).mean().item()
        if value - last < GAIN:
            break
        last, shares = value, log_joint.softmax(dim=1)
    return value, log_weights, mean, chol


def _apart(codes: Tensor, count: int, generator: Generator) -> Tensor:
    """Codes that lie apart: each is drawn with its squared distance to the nearest one before it as the weight."""
    chosen = codes[torch.randint(len(codes), (1,), generator=generator)]
    for _ in range(count - 1):
        nearest = torch.cdist(codes, chosen).min(dim=1).values.square()
        weights = nearest if nearest.sum() > 0 else torch.ones_like(nearest)
        chosen = torch.cat([chosen, codes[torch.multinomial(weights, 1, generator=generator)]])
    return chosen


def _maximize(codes: Tensor, shares: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log weights, means and Cholesky factors that fit the codes best, each code weighted by its shares."""
    members = shares.sum(dim=0) + 1e-12  # [K]
    mean = shares.T @ codes / members.unsqueeze(1)
    centred = codes.unsqueeze(0) - mean.unsqueeze(1)  # [K, N, D]
    covariance = (centred * shares.T.unsqueeze(2)).transpose(1, 2) @ centred / members.reshape(-1, 1, 1)
    chol = torch.linalg.cholesky(covariance + ridge * torch.eye(codes.shape[1], dtype=codes.dtype))
    return (members / members.sum()).log(), mean, chol
