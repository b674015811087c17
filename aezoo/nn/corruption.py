"""Corruptions of an input. Random numbers come from the generator passed in; the input is not written to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Generator, Tensor, nn

from aezoo.nn.code import NONE, Attached, Network
from aezoo.nn.data_normalizer import Identity, Normalizer

#: A strength, which may change with the step; or a range.
Level = float | Tensor | tuple[float, float]


def draw_level(level: Level, x: Tensor, generator: Generator | None) -> Tensor | float:
    """The strength of a corruption: the number itself, or one draw per sample from a range.

    Shape:
        -> [B, 1, ...] for a range, to broadcast with x: [B, *shape]
    """
    if not isinstance(level, tuple):
        return level
    low, high = level
    size = (len(x), *(1 for _ in x.shape[1:]))
    return low + (high - low) * torch.rand(size, generator=generator, device=x.device)


def uniform(x: Tensor, generator: Generator | None, *, per_pixel: bool = False) -> Tensor:
    """One draw from [0, 1) per value of x, or per pixel: the same for its channels."""
    size = (len(x), 1, *x.shape[2:]) if per_pixel else x.shape
    return torch.rand(size, generator=generator, device=x.device)


class Mask(nn.Module):
    """Hide values: each becomes `value` with probability `p`, the others stay as they are.

    Vincent et al. 2008, "Extracting and composing robust features with denoising autoencoders". Nothing is
    rescaled: dropout's division by 1 - p would train another model.

    Shape:
        x: [B, *shape] -> the same
    """

    def __init__(self, p: Level = 0.0, *, value: float = 0.0, per_pixel: bool = False) -> None:
        super().__init__()
        self.p = p
        self.value = value
        self.per_pixel = per_pixel

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        p = draw_level(self.p, x, generator)
        return x.masked_fill(uniform(x, generator, per_pixel=self.per_pixel) < p, self.value)


class GaussianNoise(nn.Module):
    """Add N(0, std^2) to every value; with a `range`, clip the result to it.

    Shape:
        x: [B, *shape] -> the same
    """

    def __init__(self, std: Level = 0.0, *, range: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.std = std
        self.range = range

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        std = draw_level(self.std, x, generator)
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        noisy = noise.mul_(std).add_(x)
        return noisy if self.range is None else noisy.clamp_(*self.range)


class SaltAndPepper(nn.Module):
    """With probability `p`, send a value to one end of the range or the other, at even odds.

    Shape:
        x: [B, *shape] -> the same
    """

    def __init__(self, p: Level = 0.0, *, range: tuple[float, float], per_pixel: bool = False) -> None:
        super().__init__()
        self.p = p
        self.range = range
        self.per_pixel = per_pixel

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        low, high = self.range
        p = draw_level(self.p, x, generator)
        u = uniform(x, generator, per_pixel=self.per_pixel)
        return x.masked_fill(u < p, high).masked_fill_(u < p / 2, low)


class Block(nn.Module):
    """Hide one block of each sample, placed at random: a square of pixels, a stretch of a signal.

    DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with cutout",
    arXiv:1708.04552; unlike there, a block always lies inside.

    Args:
        size: Side of the block.
        value: Written into the block.

    Shape:
        x: [B, C, *spatial] -> the same
    """

    def __init__(self, size: int, *, value: float = 0.0) -> None:
        super().__init__()
        self.size = size
        self.value = value

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        inside = torch.ones((), dtype=torch.bool, device=x.device)
        for axis, length in enumerate(x.shape[2:], start=2):
            start = torch.randint(length - self.size + 1, (len(x), 1), generator=generator, device=x.device)
            offset = torch.arange(length, device=x.device) - start  # [B, length]
            along = (offset >= 0) & (offset < self.size)
            inside = inside & along.reshape([n if i in (0, axis) else 1 for i, n in enumerate(x.shape)])
        return x.masked_fill(inside, self.value)


class FieldCorruption(nn.Module):
    """Base of corruptions that read fields of the samples: `c(x, generator, fields)`."""

    def forward(self, x: Tensor, generator: Generator | None = None, fields: Mapping[str, Tensor] = NONE) -> Tensor:
        raise NotImplementedError


class Hide(FieldCorruption):
    """Hide the values that a field leaves out: where it is 0 they become 0 in the model's units, the mean of
    standardized data.

    Args:
        field: Its name; 1 for values that stay, 0 for those that are hidden.

    Shape:
        x: [B, *shape] -> the same
    """

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field
        # In a tuple, so that it is no module of this one: it is the model's.
        self._normalizer: tuple[Normalizer | Identity] = (Identity(),)

    def attach(self, model: Network) -> None:
        self._normalizer = (model.normalizer,)

    def forward(self, x: Tensor, generator: Generator | None = None, fields: Mapping[str, Tensor] = NONE) -> Tensor:
        hidden = self._normalizer[0].inverse(torch.zeros_like(x))
        return torch.where(fields[self.field].expand_as(x) != 0, x, hidden)


def attach(corruptions: Iterable[nn.Module], model: Network) -> None:
    """Let those corruptions know the model that read some of it."""
    for corruption in corruptions:
        if isinstance(corruption, Attached) and hasattr(type(corruption), "attach"):
            corruption.attach(model)


def corrupt(
    corruptions: Iterable[nn.Module], x: Tensor, generator: Generator | None, fields: Mapping[str, Tensor] = NONE
) -> Tensor:
    """`x` after all corruptions, in order.

    Shape:
        x: [B, *shape] -> the same
    """
    for corruption in corruptions:
        more = (fields,) if isinstance(corruption, FieldCorruption) else ()
        x = corruption(x, generator, *more)
    return x
