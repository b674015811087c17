"""Picks the accelerator, and says why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import torch

from aezoo.errors import UsageError
from aezoo.hardware.processes import LOCAL_RANK, several

#: Where Linux says how much memory is free.
MEMORY = Path("/proc/meminfo")


class Device(NamedTuple):
    """Where a run computes, and the reason."""

    device: torch.device
    why: str


def choose(name: str = "auto") -> Device:
    """The device called `name`; `auto` is the accelerator that torch sees, else the CPU. Raises `UsageError`."""
    name = os.environ.get("AEZOO_DEVICE", "auto") if name == "auto" else name
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        if accelerator is None:
            return Device(torch.device("cpu"), "torch sees no accelerator")
        why = f"torch sees {torch.accelerator.device_count()} {accelerator.type} device(s)"
        return Device(_of_process(accelerator), why)
    try:
        device = _of_process(torch.device(name))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"device {name!r} cannot be used: {str(error).splitlines()[0]}",
            hint="--device auto takes what is there",
        ) from None
    return Device(device, "asked for")


def _of_process(device: torch.device) -> torch.device:
    """The device of this process, of those of a machine that several processes of one run share."""
    place = os.environ.get(LOCAL_RANK)
    if device.type == "cpu" or device.index is not None or place is None or not several():
        return device
    if int(place) >= torch.accelerator.device_count():
        message = f"process {int(place) + 1} of this machine has no {device.type} device of its own"
        raise UsageError(message, hint=f"--nproc-per-node {torch.accelerator.device_count()}, or --device cpu")
    return torch.device(device.type, int(place))


def free(device: torch.device) -> int | None:
    """Bytes of memory that are free on a device; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu" or not MEMORY.exists():
        return None
    lines = (line.split() for line in MEMORY.read_text().splitlines())
    return next((1024 * int(line[1]) for line in lines if line[0] == "MemAvailable:"), None)


def prepare(*, threads: int | None = None) -> int:
    """Flush denormals and set the threads; returns their number. To be called before the first operation.

    Adam's moments of weights that stopped moving become denormal, which costs several times an optimizer step;
    OpenMP's workers inherit the flag only if it is set before the pool starts. The number of threads is never
    probed by the clock: another number rounds differently, and the same spec must give the same bits.
    """
    torch.set_flush_denormal(True)
    if threads:
        torch.set_num_threads(threads)
    return torch.get_num_threads()
