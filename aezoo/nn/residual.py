"""Residual blocks: a body beside a way around it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from aezoo.nn.layers import ACTIVATIONS, CONVOLUTIONS
from aezoo.nn.resampling import resize


class Residual(nn.Module):
    """activation(shortcut(x) + scale * body(x)) (He et al. 2015, arXiv:1512.03385, section 3.2).

    Args:
        body: Layers, applied in order.
        shortcut: Maps x to the shape of the body's output; None where the shapes are equal.
        activation: Name of the activation after the sum.
        scale: Fixed factor of the body.

    Shape:
        x: [B, *shape] -> the shape of the body's output
    """

    def __init__(self, body: Sequence[nn.Module], shortcut: nn.Module | None, *, activation: str, scale: float) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.shortcut = shortcut
        self.activation = None if activation == "identity" else ACTIVATIONS[activation]()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.body(x)
        if self.scale != 1:
            h = self.scale * h
        h = h + (x if self.shortcut is None else self.shortcut(x))
        return h if self.activation is None else self.activation(h)


def shortcut(shape: tuple[int, ...], output: tuple[int, ...], *, factor: int | None = None) -> nn.Module | None:
    """The smallest map between two shapes of one rank: none, linear, or a kernel of 1 with a stride or resize.

    Args:
        shape: Of a sample's input.
        output: Of what is made of it.
        factor: How many times longer its axes get, if that is a whole number.
    """
    if shape == output:
        return None
    if len(shape) == 1:
        return nn.Sequential(OrderedDict(linear=nn.Linear(shape[0], output[0])))
    convolution = CONVOLUTIONS[len(shape) - 2]
    strides = tuple(-(-a // b) for a, b in zip(shape[1:], output[1:], strict=True))
    if all((a - 1) // s + 1 == b for a, b, s in zip(shape[1:], output[1:], strides, strict=True)):
        return nn.Sequential(OrderedDict(conv=convolution(shape[0], output[0], 1, stride=strides)))  # type: ignore[arg-type]
    # A kernel of 1 and a nearest resize commute. When the size grows, convolving first is cheaper.
    return nn.Sequential(
        OrderedDict(conv=convolution(shape[0], output[0], 1), resize=resize(output[1:], factor=factor))
    )
