"""Grids of another size: pooling and interpolation."""

from __future__ import annotations

from torch import Tensor, nn

POOLS = {
    "max": (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    "average": (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
}
LINEAR_MODES = ("linear", "bilinear", "trilinear")


def pool(mode: str, axes: int, *, size: int, stride: int) -> nn.Module:
    """Max or average pooling over this many spatial axes."""
    module: nn.Module = POOLS[mode][axes - 1](size, stride)
    return module


def resize(size: tuple[int, ...], *, mode: str = "nearest", factor: int | None = None) -> nn.Upsample:
    """Interpolation to this many positions along each spatial axis: `nearest`, or `linear` along all axes.

    With a `factor` an input of another size gets so many times longer; without one, each is resized to `size`.
    """
    mode = mode if mode == "nearest" else LINEAR_MODES[len(size) - 1]
    return nn.Upsample(size=size, mode=mode) if factor is None else nn.Upsample(scale_factor=factor, mode=mode)


class GlobalPool(nn.Module):
    """Mean over all positions.

    Shape:
        x: [B, C, *spatial] -> [B, C]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).mean(dim=2)
