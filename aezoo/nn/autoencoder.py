"""Autoencoder: encode, decode, forward. All that is saved and published, and nothing that only training needs."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from aezoo.errors import DataError, DataWarning
from aezoo.nn.code import Likelihood, Output, Prior

#: Values that are looked at in one go, in float64.
_BLOCK = 2**24


class Normalizer(nn.Module):
    """Zero mean and unit variance for each feature (vectors) or channel (all else), as fitted on the training split.

    Shape:
        x: [B, *shape] -> [B, *shape]
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        axes = (shape[0], *(1 for _ in shape[1:]))
        self.register_buffer("shift", torch.zeros(axes))
        self.register_buffer("scale", torch.ones(axes))

    def fit(self, x: Tensor) -> None:
        """Take mean and standard deviation from `x` [N, *shape]; a constant feature keeps scale 1.

        They are computed in float64 on values of size 1, so that no square leaves the range of a float.

        Raises:
            DataError: A difference to the mean is beyond the type of the values.
        """
        features = x.movedim(1, 0).flatten(1)  # [C, N * positions]
        blocks = torch.split(features, max(1, _BLOCK // features.shape[1]))
        mean, deviation, low, high = torch.cat([_moments(block) for block in blocks], dim=1)  # [C] each
        kept = deviation > _least_deviation(mean, x.dtype)
        self.shift.copy_(mean.view_as(self.shift))
        self.scale.copy_(torch.where(kept, deviation, 1.0).view_as(self.scale))
        _tell_of_unscaled((~kept & (high > low)).nonzero().flatten().tolist())
        far = torch.maximum(high - mean, mean - low) > torch.finfo(x.dtype).max
        if far.any():
            message = f"feature {int(far.int().argmax())} (counted from 0) spans more than {str(x.dtype)[6:]} can hold"
            raise DataError(message, hint="rescale it before it is saved")

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.scale

    def inverse(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


def _moments(features: Tensor) -> Tensor:
    """Mean, deviation, least and largest value of each feature [C, N], in float64: [4, C]."""
    exact = features.double()
    low, high = exact.amin(dim=1), exact.amax(dim=1)
    size = torch.maximum(low.abs(), high.abs())
    size = torch.where(size > 0, size, 1.0)
    deviation, mean = torch.std_mean(exact / size[:, None], dim=1, correction=0)
    varies = high > low  # where nothing does, a sum would still round
    mean, deviation = torch.where(varies, mean * size, low), torch.where(varies, deviation * size, 0.0)
    return torch.stack([mean, deviation, low, high])


def _least_deviation(mean: Tensor, dtype: torch.dtype) -> Tensor:
    """What a deviation has to exceed: the rounding noise at the mean, which dividing by it would blow up.

    The smallest normal number is a bound as well, since smaller ones are flushed to zero in training.
    """
    info = torch.finfo(dtype)
    return (info.eps * mean.abs()).clamp(min=info.tiny)


def _tell_of_unscaled(features: list[int]) -> None:
    """Warn of features that vary, but by too little for their type."""
    if not features:
        return
    shown = ", ".join(map(str, features[:8])) + (f" and {len(features) - 8} more" if len(features) > 8 else "")
    message = f"features {shown} (counted from 0) vary by no more than rounding, and are not scaled"
    hint = 'subtract the mean or rescale before saving, or training.precision = "float64"'
    warnings.warn(DataWarning(f"{message}: {hint}"), stacklevel=3)


class Identity(nn.Module):
    """Leaves values as they are; what `normalize = "none"` means."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def inverse(self, x: Tensor) -> Tensor:
        return x


class Autoencoder(nn.Module):
    """Encoder, latent, decoder and likelihood, put together.

    Args:
        input_shape: Shape of one sample.
        encoder: Layers from the input to the features.
        latent: Features to a code: `latent(h, generator) -> code`.
        decoder: Layers from the code's `z` to the parameters of the likelihood.
        likelihood: What these parameters mean: `mean`, `nll`, `sample`.
        point: The field of the code that "the code of x" means: `z`, or `mean` of a posterior.
        prior: The density that samples are drawn from, if there is one.
        standardize: Whether values are normalized on the way in and out.
    """

    def __init__(
        self,
        *,
        input_shape: Sequence[int],
        encoder: Sequence[nn.Module],
        latent: nn.Module,
        decoder: Sequence[nn.Module],
        likelihood: Likelihood,
        point: str = "z",
        prior: Prior | None = None,
        standardize: bool = False,
    ) -> None:
        super().__init__()
        self.input_shape = tuple(input_shape)
        self.point = point
        self.normalizer = Normalizer(input_shape) if standardize else Identity()
        self.encoder = nn.ModuleList(encoder)
        self.latent = latent
        self.decoder = nn.ModuleList(decoder)
        self.likelihood = likelihood
        self.prior = prior

    def encode(self, x: Tensor, generator: Generator | None = None) -> Any:
        """The code of `x` in data units: a NamedTuple with `z`; nothing is drawn without a generator.

        Shape:
            x: [B, *input] -> z: [B, *code]
        """
        return self.latent(self.features(self.normalizer(x)), generator)

    def features(self, x: Tensor) -> Tensor:
        """What the latent is given for normalized `x`."""
        for layer in self._parts["encoder"]:
            x = layer(x)
        return x

    def code_of(self, x: Tensor) -> Tensor:
        """The code of normalized `x` as one tensor, nothing drawn: the mean of a posterior, else `z`."""
        return getattr(self.latent(self.features(x), None), self.point)  # type: ignore[no-any-return]

    def decode(self, z: Tensor) -> Tensor:
        """The mean of the data for a code, in data units.

        Shape:
            z: [B, *code] -> [B, *input]
        """
        return self.normalizer.inverse(self.likelihood.mean(self.expand(z)))

    def embed(self, indices: Tensor) -> Tensor:
        """The `z` that a discrete code names; only latents that have one know it.

        Shape:
            indices: [B, *indices] -> [B, *code]
        """
        return self.latent.embed(indices)  # type: ignore[no-any-return, operator]

    def expand(self, z: Tensor) -> Tensor:
        """The parameters of the likelihood for a code."""
        for layer in self._parts["decoder"]:
            z = layer(z)
        return z

    @property
    def _parts(self) -> dict[str, Any]:
        """The modules by name: `self.latent` would have nn.Module search, for half a microsecond each, each step."""
        return self._modules

    def forward(
        self,
        x: Tensor,
        corrupted: Tensor | None = None,
        generator: Generator | None = None,
        taps: Collection[str] = (),
    ) -> Output:
        """One pass from data units to the parameters of the likelihood.

        Args:
            x: The clean input, the target.
            corrupted: What the encoder is given instead, if anything.
            generator: Draws the latent noise; without one the code is its point.
            taps: Names of layers whose output is wanted: `encoder.0`, `decoder.1`.

        Shape:
            x, corrupted: [B, *input]
        """
        parts = self._parts
        given = x if corrupted is None else corrupted
        if not isinstance(normalizer := parts["normalizer"], Identity):
            x = normalizer(x)
            given = x if corrupted is None else normalizer(corrupted)
        if not taps:
            code = parts["latent"](self.features(given), generator)
            return Output(self, x, given, code, self.expand(code.z), {}, generator)
        seen: dict[str, Tensor] = {}
        h = _run(self.encoder, given, "encoder", taps, seen)
        code = self.latent(h, generator)
        return Output(self, x, given, code, _run(self.decoder, code.z, "decoder", taps, seen), seen, generator)


def _run(layers: nn.ModuleList, h: Tensor, stack: str, taps: Collection[str], seen: dict[str, Tensor]) -> Tensor:
    for i, layer in enumerate(layers):
        h = layer(h)
        if (name := f"{stack}.{i}") in taps:
            seen[name] = h
    return h
