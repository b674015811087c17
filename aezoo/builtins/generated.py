"""Generated samples, of known factors or moments, to measure models against."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from aezoo.plugin import (
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

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class SpritesSpec(SplitDatasetSpec):
    """One white shape on black per image, drawn from known factors: for measures of disentanglement.

    In the manner of dSprites (Matthey et al. 2017), with a triangle for the heart. Factors, in this order:
    shape (0 square, 1 ellipse, 2 triangle), scale (6 levels), angle (40, in radians), x and y (32 each), and
    with three channels hue (6). Each is drawn evenly and independently. Equal factors give equal images. They are
    the field `factors`; `label` is the first, the shape.

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

    def field_names(self) -> frozenset[str]:
        return frozenset({"label", "factors"})

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        from aezoo.builtins.sprites import draw_sprites, factors_of, tinted

        draw = rng(self.seed, "sprites")
        factors = factors_of(draw, self.n)
        values = draw_sprites(factors, self.size)[:, None]
        if self.channels == 3:
            values, factors = tinted(values, factors, draw)
        return Samples(values, "sprites", labels=factors[:, 0].astype("int64"), factors=factors.astype("float32"))


class AR1Spec(SplitDatasetSpec):
    """Stationary autoregressive signals: x[t] = rho x[t-1] + noise, with unit variance at every t.

    The covariance is rho^|i - j|, so that the best linear code of each width is known in closed form.

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

    def field_names(self) -> frozenset[str]:
        return frozenset()

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        values = rng(self.seed, "ar1").standard_normal((self.n, *self.sample_shape()))
        innovation = math.sqrt(1 - self.rho**2)
        for t in range(1, self.length):
            values[..., t] = self.rho * values[..., t - 1] + innovation * values[..., t]
        return Samples(values.astype("float32"), "ar1")


class GaussianSpec(SplitDatasetSpec):
    """Vectors from a normal distribution of mean zero and known covariance: PCA is the best linear code.

    `whiten` makes the sample of all `n` have mean zero and that covariance (divided by n) exactly, not only
    on average; with `validation = 0` and `test = 0` the model is trained on exactly these moments.

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
        """Why these numbers are no distribution, or the sample cannot be whitened."""
        if (self.covariance is None) == (self.eigenvalues is None):
            yield Remark("has to have either covariance or eigenvalues", hint="give one of the two")
            return
        size = len(self.covariance or self.eigenvalues or ())
        if not size or any(len(row) != size for row in self.covariance or ()):
            yield Remark("covariance is not square", hint="as many rows as columns, and at least one")
            return
        if self.eigenvalues and min(self.eigenvalues) < 0:
            yield Remark(f"eigenvalues: {min(self.eigenvalues)} is negative; variances are not")
        if self.covariance and not self._is_covariance():
            yield Remark("covariance is not symmetric and positive semidefinite")
        if self.whiten and self.n <= size:
            yield Remark(f"whiten takes more samples than dimensions, got n = {self.n} for {size}")

    def _is_covariance(self) -> bool:
        from aezoo.builtins.normal import is_covariance

        return is_covariance(self.matrix())

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        faults = list(self.faults())
        yield from faults or super().remarks(spec)

    def sample_shape(self) -> Shape:
        return (len(self.covariance or self.eigenvalues or ()),)

    def field_names(self) -> frozenset[str]:
        return frozenset()

    def matrix(self) -> npt.NDArray[np.float64]:
        """The covariance [F, F], rotated as the samples are."""
        import numpy as np

        from aezoo.builtins.normal import rotation

        if self.covariance is not None:
            return np.array(self.covariance, dtype=np.float64)
        axes = rotation(rng(self.seed, "rotation"), len(self.eigenvalues or ()))
        return (axes * np.array(self.eigenvalues)) @ axes.T  # type: ignore[no-any-return]

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        for fault in self.faults():
            raise DataError(f"gaussian: {fault.message}", hint=fault.hint)
        from aezoo.builtins.normal import samples

        values = samples(rng(self.seed, "gaussian"), self.n, self.matrix(), whiten=self.whiten)
        return Samples(values, "gaussian")
