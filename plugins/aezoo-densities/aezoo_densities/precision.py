"""Numbers of more digits, for differences of large ones."""

from __future__ import annotations

from torch import Tensor


def wide(x: Tensor) -> Tensor:
    """The values in float64, where the device knows it."""
    return x if x.device.type == "mps" else x.double()
