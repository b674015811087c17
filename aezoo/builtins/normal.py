"""Vectors from a normal distribution of mean zero and known covariance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def samples(draw: np.random.Generator, n: int, covariance: Array, *, whiten: bool = False) -> Array:
    """`n` vectors [n, F] of this covariance [F, F]; whitened, their own moments are exact."""
    variances, axes = np.linalg.eigh(covariance)
    z = draw.standard_normal((n, len(variances)))
    if whiten:
        z -= z.mean(axis=0)
        # With z'z/n = L L', the covariance of z inv(L)' is the identity.
        z = np.linalg.solve(np.linalg.cholesky(z.T @ z / n), z.T).T
    # Rounding may leave an eigenvalue of a singular covariance a little below zero.
    return np.ascontiguousarray(z * np.sqrt(np.maximum(variances, 0.0)) @ axes.T)


def is_covariance(matrix: Array) -> bool:
    """Whether a square matrix is symmetric and positive semidefinite."""
    # Tolerance: numbers in a spec may be written with ten digits.
    slack = 1e-9 * max(float(np.abs(matrix).max()), 1e-300)
    return bool(np.allclose(matrix, matrix.T, rtol=0, atol=slack) and np.linalg.eigvalsh(matrix).min() >= -slack)


def rotation(draw: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    """An orthogonal matrix, uniform over all of them (Mezzadri 2007, arXiv:math-ph/0609050, section 5)."""
    q, r = np.linalg.qr(draw.standard_normal((size, size)))
    return q * np.sign(np.diag(r))
