"""Normalizer: `input.normalize`, and its inverse."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from aezoo.errors import DataError, DataWarning

#: Values that are converted to float64 at once.
_BLOCK = 2**24


class Normalizer(nn.Module):
    """Zero mean and unit variance for each feature (vectors) or channel (all else), as fitted on the training split.

    Args:
        shape: Of a sample.
        saved: Whether mean and deviation are part of the state.

    Shape:
        x: [B, *shape] -> [B, *shape]
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, shape: Sequence[int], *, saved: bool = True) -> None:
        super().__init__()
        axes = (shape[0], *(1 for _ in shape[1:]))
        self.register_buffer("shift", torch.zeros(axes), persistent=saved)
        self.register_buffer("scale", torch.ones(axes), persistent=saved)

    def fit(self, x: Tensor, known: Tensor | None = None, kept: Sequence[bool] | None = None) -> None:
        """Set mean and standard deviation from `x` [N, *shape]; a constant feature keeps scale 1.

        They are computed in float64 on values divided by the largest one, so that no square overflows.

        Args:
            x: Values in data units.
            known: Not 0 for the values that count, [N, *shape] or broadcast to it; None for all.
            kept: For each feature, whether it stays as it is: classes and counts.

        Raises:
            DataError: A difference to the mean is beyond the type of the values, or no value of a feature counts.
        """
        features = x.movedim(1, 0).flatten(1)  # [C, N * positions]
        if known is None:
            blocks = torch.split(features, max(1, _BLOCK // features.shape[1]))
        else:
            blocks = _counted(features, known.expand_as(x).movedim(1, 0).flatten(1) != 0)
        self._take(torch.cat([_moments(block) for block in blocks], dim=1), x, kept)

    def fit_in_parts(self, parts: Iterable[tuple[Tensor, Tensor | None]], kept: Sequence[bool] | None = None) -> None:
        """`fit` to samples that come in parts, each with its `known`; the same but for roundings in float64.

        The moments of parts are joined as of Chan, Golub and LeVeque 1983, The American Statistician 37(3).

        Raises:
            DataError: As `fit`.
        """
        total: RunningMoments | None = None
        for x, known in parts:
            total = total or RunningMoments(x.shape[1])
            total.add(x, known)
            last = x
        assert total is not None, "there are samples to train on"
        self._take(total.result().to(last.device), last, kept)

    def _take(self, moments: Tensor, x: Tensor, kept: Sequence[bool] | None) -> None:
        """Scale by moments [4, C] of values like `x`."""
        mean, deviation, low, high = moments  # [C] each
        scaled = deviation > _least_deviation(mean, x.dtype)
        if kept is not None:
            stays = torch.tensor(kept, device=x.device)
            mean, deviation, scaled = mean.masked_fill(stays, 0.0), deviation.masked_fill(stays, 1.0), scaled | stays
        self.shift.copy_(mean.view_as(self.shift))
        self.scale.copy_(torch.where(scaled, deviation, 1.0).view_as(self.scale))
        _warn_of_unscaled((~scaled & (high > low)).nonzero().flatten().tolist())
        far = torch.maximum(high - mean, mean - low) > torch.finfo(x.dtype).max
        if far.any():
            message = f"feature {int(far.int().argmax())} (counted from 0) spans more than {str(x.dtype)[6:]} can hold"
            raise DataError(message, hint="rescale it before it is saved")

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.scale

    def inverse(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


class RunningMoments:
    """Mean, deviation, least and largest value of features, of values that come in parts.

    Args:
        features: How many.
    """

    def __init__(self, features: int) -> None:
        zeros = torch.zeros(features, dtype=torch.float64)
        self.count, self.mean, self.squares = zeros, zeros.clone(), zeros.clone()
        self.low, self.high = torch.full_like(zeros, math.inf), torch.full_like(zeros, -math.inf)

    def add(self, x: Tensor, known: Tensor | None = None) -> None:
        """Add values [N, *shape]; of those that are known, where `known` says that."""
        features = x.movedim(1, 0).flatten(1).double().cpu()  # [C, N * positions]
        weight = None if known is None else (known.expand_as(x).movedim(1, 0).flatten(1) != 0).cpu()
        if weight is None:
            low, high = features.amin(dim=1), features.amax(dim=1)
            weight = torch.ones(1, 1, dtype=torch.float64).expand_as(features)
        else:
            low = features.masked_fill(~weight, math.inf).amin(dim=1)
            high = features.masked_fill(~weight, -math.inf).amax(dim=1)
            weight = weight.double()
        count = weight.sum(dim=1)
        mean = (features * weight).sum(dim=1) / count.clamp_min(1)
        squares = ((features - mean[:, None]).square() * weight).sum(dim=1)
        together = self.count + count
        share = count / together.clamp_min(1)
        shift = mean - self.mean
        self.squares += squares + shift.square() * self.count * share
        self.mean += shift * share
        self.count = together
        self.low, self.high = torch.minimum(self.low, low), torch.maximum(self.high, high)

    def result(self) -> Tensor:
        """[4, C]. Raises `DataError` where a feature has no value."""
        empty = (self.count == 0).nonzero().flatten().tolist()
        if empty:
            raise _no_value(empty[0])
        varies = self.high > self.low
        mean = torch.where(varies, self.mean, self.low)
        deviation = torch.where(varies, (self.squares / self.count).sqrt(), 0.0)
        return torch.stack([mean, deviation, self.low, self.high])


def _no_value(feature: int) -> DataError:
    message = f"feature {feature} (counted from 0) has no known value among those that the moments are taken of"
    return DataError(message, hint="leave it out of the data")


def _counted(features: Tensor, counts: Tensor) -> tuple[Tensor, ...]:
    """The values that count of each feature [C, N], as [1, n] each."""
    empty = (~counts.any(dim=1)).nonzero().flatten().tolist()
    if empty:
        raise _no_value(empty[0])
    return tuple(values[count].unsqueeze(0) for values, count in zip(features, counts, strict=True))


def _moments(features: Tensor) -> Tensor:
    """Mean, deviation, least and largest value of each feature [C, N], in float64: [4, C]."""
    exact = features.double()
    low, high = exact.amin(dim=1), exact.amax(dim=1)
    size = torch.maximum(low.abs(), high.abs())
    size = torch.where(size > 0, size, 1.0)
    deviation, mean = torch.std_mean(exact / size[:, None], dim=1, correction=0)
    varies = high > low  # of equal values the computed deviation would be rounding noise, not 0
    mean, deviation = torch.where(varies, mean * size, low), torch.where(varies, deviation * size, 0.0)
    return torch.stack([mean, deviation, low, high])


def _least_deviation(mean: Tensor, dtype: torch.dtype) -> Tensor:
    """The smallest deviation to divide by: below it is the rounding noise at the mean, which would be amplified.

    The smallest normal number is a bound as well, since smaller ones are flushed to zero in training.
    """
    info = torch.finfo(dtype)
    return (info.eps * mean.abs()).clamp(min=info.tiny)


def _warn_of_unscaled(features: list[int]) -> None:
    """Warn of features that vary, but by too little for their type."""
    if not features:
        return
    shown = ", ".join(map(str, features[:8])) + (f" and {len(features) - 8} more" if len(features) > 8 else "")
    message = f"features {shown} (counted from 0) vary by no more than rounding, and are not scaled"
    hint = 'subtract the mean or rescale before saving, or training.precision = "float64"'
    warnings.warn(DataWarning(message, hint), stacklevel=3)


class Identity(nn.Module):
    """Leaves values as they are: `normalize = "none"`."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def inverse(self, x: Tensor) -> Tensor:
        return x
