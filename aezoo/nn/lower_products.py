"""Products of float32 tensors whose factors are rounded to fewer digits first: TF32, or bfloat16 on a CPU.

Tensors, sums and results stay float32. It is a setting of torch for the whole process, so it is held for the passes of
a model and for gradients alone: the terms of a loss are computed in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

#: As `torch.set_float32_matmul_precision` has it: "high" is TF32, "medium" bfloat16 on a CPU.
Rounding = Literal["high", "medium"]


@contextmanager
def lower_products(rounding: Rounding) -> Iterator[None]:
    """Within, products of float32 tensors are rounded so, on devices that can."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(rounding)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def can_be_set() -> bool:
    """Whether the setting can be read and put back: torch refuses that where its newer settings were used beside it."""
    try:
        torch.get_float32_matmul_precision()
    except RuntimeError:
        return False
    return True
