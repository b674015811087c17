"""Products: which of lower precision a device computes faster than those of float32, as far as it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch

#: What processors call instructions that multiply bfloat16: Intel's tiles and AVX-512, and Arm's.
BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16")
#: The first generation of NVIDIA's devices that multiplies TF32 and bfloat16: Ampere.
AMPERE = (8, 0)


class Products(NamedTuple):
    """What a device multiplies in hardware.

    Attributes:
        device: What a message calls it.
        bfloat16: Whether it multiplies bfloat16.
        of_float32: To what it can round float32 numbers before it multiplies them; None: it does not.
    """

    device: str
    bfloat16: bool = False
    of_float32: Literal["tf32", "bfloat16"] | None = None


def products_of(device: torch.device) -> Products:
    """What a device multiplies; of one that is neither a CPU nor CUDA nothing is known."""
    if device.type == "cpu":
        # torch says so since 2.13; of an older one nothing is known.
        known: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        bfloat16 = any(known.get(name) for name in BFLOAT16)
        return Products("this CPU", bfloat16, "bfloat16" if bfloat16 else None)
    if device.type == "cuda" and torch.version.hip is None:
        new = torch.cuda.get_device_capability(device) >= AMPERE
        return Products(torch.cuda.get_device_name(device), new, "tf32" if new else None)
    if device.type == "cuda":  # AMD's
        return Products(torch.cuda.get_device_name(device), torch.cuda.is_bf16_supported())
    return Products(f"this {device.type} device")
