"""Freezing: what is computed meanwhile sends no gradient to a module's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Take the weights as constants within; gradients still pass through to what the module is given.

    What was computed before keeps its gradient to them.
    """
    moving = [p for p in module.parameters() if p.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in moving:
            parameter.requires_grad_(True)
