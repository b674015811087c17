"""Values moved between positions and channels, on signals, images and volumes."""

from __future__ import annotations

from torch import Tensor, nn


def unshuffle(x: Tensor, factor: int) -> Tensor:
    """Each block of positions as channels, the last axis fastest: what torch has for images.

    Shape:
        x: [B, C, *spatial] -> [B, C factor^axes, *spatial / factor]
    """
    batch, channels, *spatial = x.shape
    axes = range(len(spatial))
    blocks = x.reshape(batch, channels, *(n for size in spatial for n in (size // factor, factor)))
    stacked = blocks.permute(0, 1, *(3 + 2 * i for i in axes), *(2 + 2 * i for i in axes))
    return stacked.reshape(batch, channels * factor ** len(spatial), *(size // factor for size in spatial))


def shuffle(x: Tensor, factor: int) -> Tensor:
    """The inverse of `unshuffle`.

    Shape:
        x: [B, C factor^axes, *spatial] -> [B, C, *spatial factor]
    """
    batch, channels, *spatial = x.shape
    axes = len(spatial)
    out = channels // factor**axes
    blocks = x.reshape(batch, out, *(factor for _ in spatial), *spatial)
    spread = blocks.permute(0, 1, *(n for i in range(axes) for n in (2 + axes + i, 2 + i)))
    return spread.reshape(batch, out, *(size * factor for size in spatial))


def with_channels(x: Tensor, channels: int) -> Tensor:
    """Means of neighbouring channels, or each channel repeated.

    Shape:
        x: [B, C, *spatial] -> [B, channels, *spatial]; one of the numbers divides the other
    """
    if channels > x.shape[1]:
        return x.repeat_interleave(channels // x.shape[1], dim=1)
    return x if channels == x.shape[1] else x.reshape(len(x), channels, -1, *x.shape[2:]).mean(dim=2)


class Unshuffle(nn.Module):
    """`unshuffle` as a layer."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return unshuffle(x, self.factor)


class Shuffle(nn.Module):
    """`shuffle` as a layer."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return shuffle(x, self.factor)


class Rearranged(nn.Module):
    """A shortcut without weights: blocks to channels, means or repeats of channels, channels to blocks.

    Chen et al. 2024, "Deep compression autoencoder", arXiv:2410.10733, section 3.1.

    Args:
        channels: Of the output.
        down: Factor by which each axis shrinks.
        up: Factor by which each axis grows.

    Shape:
        x: [B, C, *spatial] -> [B, channels, *spatial up / down]
    """

    def __init__(self, channels: int, *, down: int = 1, up: int = 1) -> None:
        super().__init__()
        self.channels, self.down, self.up = channels, down, up

    def forward(self, x: Tensor) -> Tensor:
        x = with_channels(unshuffle(x, self.down), self.channels * self.up ** (x.ndim - 2))
        return shuffle(x, self.up)
