"""Out of memory: what was asked for, what is free, what the arithmetic says of a pass, and which one would fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from aezoo.errors import RunFailed
from aezoo.hardware import device as devices
from aezoo.registry.attribution import memory_of_torch
from aezoo.spec.amounts import size
from aezoo.spec.document import Spec
from aezoo.spec.memory import memory

#: What a pass takes at its peak, as a multiple of the activations that are counted: norms, what functions at the end
#: of a layer keep, and gradients on their way back are not.
PEAK = 3
#: What torch says of the request that failed: a number of bytes on a CPU, `20.00 GiB` on a GPU.
ASKED = re.compile(r"tried to allocate (\d+) bytes|Tried to allocate ([\d.]+ \w+)")


def fitting_pass(spec: Spec, free: int, *, most: int) -> int:
    """The samples of a pass that fit: the batch in as few passes of nearly equal size as it takes; 0: not even one.

    Args:
        spec: Its `[training]` has the size of a batch.
        free: Bytes.
        most: Samples of a pass that may be taken at most.
    """
    batch = spec.training.batch_size
    fit = min(most, free // max(1, PEAK * memory(spec).activations))
    return -(-batch // -(-batch // fit)) if fit else 0


@contextmanager
def advising(spec: Spec, device: torch.device) -> Iterator[None]:
    """Within, an exception for want of memory becomes a `RunFailed` with numbers and a way out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if (failure := advised(error, spec, device)) is error:
            raise
        raise failure from error


def advised(error: Exception, spec: Spec, device: torch.device) -> Exception:
    """The failure with numbers and a way out, if memory ran out; else the exception as it is."""
    if not isinstance(error, MemoryError) and not memory_of_torch(error):
        return error
    needed, rows, free = memory(spec), spec.training.pass_size, devices.free(device)
    there = "" if free is None else f", {size(free)} are free on {device}"
    weights = needed.weights + needed.gradients + needed.averages + (needed.optimizer or 0)
    message = (
        f"out of memory: {_asked(error)}{there}; weights, gradients and optimizer take {size(weights)}, the activations"
        f" of a pass of {rows} some {size(needed.batch)}, and up to {PEAK} times that at once"
    )
    fits = fitting_pass(spec, PEAK * needed.batch if free is None else free, most=rows // 2)
    failure = RunFailed(message, hint=_way_out(spec, fits))
    failure.__cause__ = error
    return failure


def _asked(error: Exception) -> str:
    match = ASKED.search(str(error))
    if match is None:
        return next(iter(str(error).splitlines()), "") or type(error).__name__
    return f"{size(int(match[1])) if match[1] else match[2]} were asked for"


def _way_out(spec: Spec, fits: int) -> str:
    if fits:
        return f"--set training.micro_batch={fits}: the same batches, in passes of {fits} samples"
    if not spec.training.recompute:
        return "--set training.recompute=true computes activations anew; else a smaller model or input"
    return "a smaller model or input"
