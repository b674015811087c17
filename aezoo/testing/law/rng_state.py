"""State of the global generators of torch, NumPy and Python, which no part may use."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch


class RngState(NamedTuple):
    """State of the global generators."""

    torch: bytes
    numpy: bytes
    python: tuple[object, ...]

    def changed_since(self, before: RngState) -> list[str]:
        """Names of the generators whose state is not that of `before`."""
        return [name for name in self._fields if getattr(self, name) != getattr(before, name)]


def rng_state() -> RngState:
    """Current state of the global generators."""
    state = np.random.get_state(legacy=False)["state"]
    numpy = state["key"].tobytes() + bytes(str(state["pos"]), "ascii")
    return RngState(torch.get_rng_state().numpy().tobytes(), numpy, random.getstate())


def seed_global(seed: int) -> None:
    """Set torch's global generator of the CPU: `torch.manual_seed` takes a hundred times as long for other devices."""
    torch.default_generator.manual_seed(seed)


def reseed(seed: int) -> None:
    """Set the global generators."""
    seed_global(seed)
    np.random.seed(seed)
    random.seed(seed)


@contextmanager
def rng_preserved() -> Iterator[None]:
    """Restore the global generators afterwards, and do not flush denormals meanwhile.

    A training run flushes them for the whole process, and Hypothesis relies on subnormal numbers.
    """
    python, numpy = random.getstate(), np.random.get_state()
    flushed = sys.float_info.min / 2 == 0
    torch.set_flush_denormal(False)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_flush_denormal(flushed)
