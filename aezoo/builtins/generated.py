"""Samples that are computed: sets whose truth is known, to measure what a model finds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aezoo.plugin import (
    Component,
    DataError,
    Field,
    Floats,
    Matrix,
    Remark,
    Samples,
    Shape,
    Spec,
    SplitDatasetSpec,
    rng,
)

Array = npt.NDArray[Any]

SHAPES = 3  # square, ellipse, triangle
#: Six saturated colours, for sprites with three channels.
HUES = ((255, 64, 64), (255, 255, 64), (64, 255, 64), (64, 255, 255), (64, 64, 255), (255, 64, 255))


class SpritesSpec(SplitDatasetSpec):
    """One white shape on black per image, drawn from known factors: for measures of disentanglement.

    In the manner of dSprites (Matthey et al. 2017), with a triangle for the heart. Factors, in this order:
    shape (0 square, 1 ellipse, 2 triangle), scale (6 levels), angle (40, in radians), x and y (32 each), and
    with three channels hue (6). Each is drawn evenly and independently. Equal factors give equal images.

    Example:
        [data]
        type = "sprites"
        n = 2000
        size = 32
    """

    type: Literal["sprites"] = "sprites"
    n: int = Field(10_000, ge=1, description="how many samples")
    seed: int = Field(0, ge=0, lt=2**63, description="of the factors")
    size: int = Field(32, ge=32, le=256, description="height and width in pixels")
    channels: Literal[1, 3] = Field(1, description="1: white on black; 3: hue is one more factor")

    def sample_shape(self) -> Shape:
        return self.channels, self.size, self.size

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        draw = rng(self.seed, "sprites")
        kind = draw.integers(SHAPES, size=self.n)
        scale = np.linspace(0.5, 1.0, 6)[draw.integers(6, size=self.n)]
        angle = np.linspace(0.0, 2 * math.pi, 40, endpoint=False)[draw.integers(40, size=self.n)]
        x, y = np.linspace(0.0, 1.0, 32)[draw.integers(32, size=(2, self.n))]
        factors = np.stack([kind, scale, angle, x, y], axis=1)
        values = draw_sprites(factors, self.size)[:, None]
        if self.channels == 3:
            hue = draw.integers(len(HUES), size=self.n)
            factors = np.column_stack([factors, hue])
            tint = np.array(HUES, dtype=np.uint16)[hue][:, :, None, None]
            values = ((values.astype(np.uint16) * tint + 127) // 255).astype(np.uint8)
        return Samples(values, "sprites", factors=factors.astype(np.float32))


def draw_sprites(factors: Array, size: int) -> npt.NDArray[np.uint8]:
    """Images [N, size, size] of shape, scale, angle, x, y [N, 5], with edges one pixel soft.

    A pixel's light is its distance to the edge, cut to one pixel's width. A shape of scale 1 fits a circle of
    a quarter of the image, so that none leaves it.
    """
    images = np.empty((len(factors), size, size), dtype=np.uint8)
    for start in range(0, len(factors), 256):  # bounds the memory of what lies between
        part = factors[start : start + 256].astype(np.float32)
        light = np.clip(0.5 - _distance(part, size), 0.0, 1.0)
        images[start : start + 256] = np.rint(light * 255).astype(np.uint8)
    return images


def _distance(factors: Array, size: int) -> Array:
    """Signed distance in pixels from each pixel to the edge of the shape; negative inside. [N, size, size]"""
    kind, scale, angle, x, y = (column[:, None, None] for column in factors.T)
    radius = scale * np.float32(size / 4 - 2)  # soft tips reach beyond it
    grid = np.arange(size, dtype=np.float32) + np.float32(0.5)
    across = grid[None, None, :] - (x / 2 + np.float32(0.25)) * size
    down = grid[None, :, None] - (y / 2 + np.float32(0.25)) * size
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = cos * across + sin * down, cos * down - sin * across
    square = np.maximum(np.abs(u), np.abs(v)) - radius * np.float32(math.sqrt(0.5))
    ellipse = _ellipse(u, v, radius)
    # An isosceles triangle with its tip at the top of the circle: its base, and its two sides at once.
    sides = np.float32(0.9) * np.abs(u) - np.float32(math.sqrt(1 - 0.9**2)) * (v + radius)
    triangle = np.maximum(v - np.float32(0.6) * radius, sides)
    return np.where(kind == 0, square, np.where(kind == 1, ellipse, triangle))


def _ellipse(u: Array, v: Array, radius: Array) -> Array:
    """Distance to an ellipse of axes radius and radius / 2, first order: f (f - 1) / |grad f^2 / 2|."""
    a, b = u / radius, 2 * v / radius
    level = np.maximum(np.sqrt(a * a + b * b), np.float32(1e-3))  # the centre, 0 / 0, is inside too
    slope = np.sqrt(a * a + 4 * b * b) / radius
    distance: Array = level * (level - 1) / np.maximum(slope, np.float32(1e-6))
    return distance


class AR1Spec(SplitDatasetSpec):
    """Stationary autoregressive signals: x[t] = rho x[t-1] + noise, with unit variance at every t.

    The covariance is rho**|i - j|, so that the best linear code of each width is known in closed form.

    Example:
        [data]
        type = "ar1"
        length = 64
        rho = 0.9
    """

    type: Literal["ar1"] = "ar1"
    n: int = Field(10_000, ge=1, description="how many samples")
    seed: int = Field(0, ge=0, lt=2**63, description="of the noise")
    length: int = Field(64, ge=1, description="values of a signal")
    channels: int = Field(1, ge=1, description="independent signals per sample")
    rho: float = Field(0.9, gt=-1, lt=1, description="correlation of neighbouring values")

    def sample_shape(self) -> Shape:
        return self.channels, self.length

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        values = rng(self.seed, "ar1").standard_normal((self.n, *self.sample_shape()))
        innovation = math.sqrt(1 - self.rho**2)
        for t in range(1, self.length):
            values[..., t] = self.rho * values[..., t - 1] + innovation * values[..., t]
        return Samples(values.astype(np.float32), "ar1")


class GaussianSpec(SplitDatasetSpec):
    """Vectors from a normal distribution of mean zero and known covariance: what PCA solves exactly.

    `whiten` makes the sample of all `n` have mean zero and that covariance (divided by n) exactly, not only
    on average; with `validation = 0` and `test = 0` that is what is trained on.

    Example:
        [data]
        type = "gaussian"
        eigenvalues = [4.0, 2.0, 1.0, 0.5]
        whiten = true
    """

    type: Literal["gaussian"] = "gaussian"
    n: int = Field(10_000, ge=1, description="how many samples")
    seed: int = Field(0, ge=0, lt=2**63, description="of the rotation and the samples")
    covariance: Matrix | None = Field(None, description="the covariance, row by row")
    eigenvalues: Floats | None = Field(None, description="instead: its eigenvalues, along axes drawn by the seed")
    whiten: bool = Field(False, description="make the moments of the sample exact")

    def faults(self) -> Iterator[Remark]:
        """What keeps these numbers from being a distribution, or the sample from being whitened."""
        if (self.covariance is None) == (self.eigenvalues is None):
            yield Remark("says not exactly one of covariance and eigenvalues", hint="give one of the two")
            return
        size = len(self.covariance or self.eigenvalues or ())
        if not size or any(len(row) != size for row in self.covariance or ()):
            yield Remark("covariance is not square", hint="as many rows as columns, and at least one")
            return
        if self.eigenvalues and min(self.eigenvalues) < 0:
            yield Remark(f"eigenvalues: {min(self.eigenvalues)} is negative; variances are not")
        if self.covariance and not _is_covariance(np.array(self.covariance)):
            yield Remark("covariance is not symmetric and positive semidefinite")
        if self.whiten and self.n <= size:
            yield Remark(f"whiten takes more samples than dimensions, got n = {self.n} for {size}")

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        faults = list(self.faults())
        yield from faults or super().remarks(spec)

    def sample_shape(self) -> Shape:
        return (len(self.covariance or self.eigenvalues or ()),)

    def matrix(self) -> npt.NDArray[np.float64]:
        """The covariance [F, F], rotated as the samples are."""
        if self.covariance is not None:
            return np.array(self.covariance, dtype=np.float64)
        axes = _rotation(len(self.eigenvalues or ()), self.seed)
        return (axes * np.array(self.eigenvalues)) @ axes.T  # type: ignore[no-any-return]

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        for fault in self.faults():
            raise DataError(f"gaussian: {fault.message}", hint=fault.hint)
        variances, axes = np.linalg.eigh(self.matrix())
        z = rng(self.seed, "gaussian").standard_normal((self.n, len(variances)))
        if self.whiten:
            z -= z.mean(axis=0)
            # With z'z/n = L L', z inv(L)' has the identity for its covariance.
            z = np.linalg.solve(np.linalg.cholesky(z.T @ z / self.n), z.T).T
        # Rounding may leave an eigenvalue of a singular covariance a little below zero.
        values = z * np.sqrt(np.maximum(variances, 0.0)) @ axes.T
        return Samples(np.ascontiguousarray(values), "gaussian")


def _is_covariance(matrix: Array) -> bool:
    # The tolerance is rounding of numbers written with some ten digits.
    slack = 1e-9 * max(float(np.abs(matrix).max()), 1e-300)
    return bool(np.allclose(matrix, matrix.T, rtol=0, atol=slack) and np.linalg.eigvalsh(matrix).min() >= -slack)


def _rotation(size: int, seed: int) -> npt.NDArray[np.float64]:
    """An orthogonal matrix, uniform over all of them (Mezzadri 2007, arXiv:math-ph/0609050, section 5)."""
    q, r = np.linalg.qr(rng(seed, "rotation").standard_normal((size, size)))
    return q * np.sign(np.diag(r))


COMPONENTS: list[type[Component]] = [SpritesSpec, AR1Spec, GaussianSpec]
