"""Shape arithmetic in plain Python, so that a spec can be checked without torch.

A shape is a sample's, without the batch: `[F]`, `[C, L]`, `[C, H, W]` or `[C, D, H, W]`.
"""

from __future__ import annotations

from math import prod

from aezoo.errors import ShapeError

Shape = tuple[int, ...]


def text(shape: Shape) -> str:
    """`(1, 28, 28)` as `1x28x28`."""
    return "x".join(map(str, shape))


def flat(shape: Shape) -> int:
    """How many values a sample holds."""
    return prod(shape)


def vector(shape: Shape) -> int:
    """Unpack `[F]`, or refuse."""
    if len(shape) != 1:
        raise ShapeError(f"takes vectors [F], got {text(shape)}; put a 'flatten' before it")
    return shape[0]


def images(shape: Shape) -> tuple[int, int, int]:
    """Unpack `[C, H, W]`, or refuse."""
    if len(shape) != 3:
        raise ShapeError(f"takes images [C, H, W], got {text(shape)}")
    return shape[0], shape[1], shape[2]


def sequence(shape: Shape) -> tuple[int, int]:
    """Unpack `[C, L]` (features, length), or refuse."""
    if len(shape) != 2:
        raise ShapeError(f"takes sequences [C, L], got {text(shape)}")
    return shape[0], shape[1]


def grid(shape: Shape) -> tuple[int, Shape]:
    """Unpack `[C, *spatial]` with one to three spatial axes, or refuse."""
    if not 2 <= len(shape) <= 4:
        raise ShapeError(f"takes signals [C, L], images [C, H, W] or volumes [C, D, H, W], got {text(shape)}")
    return shape[0], shape[1:]


def conv_length(length: int, *, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Output length of a convolution or pooling along one axis."""
    return (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
