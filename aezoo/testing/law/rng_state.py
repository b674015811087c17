"""Chance: the global generators of torch, NumPy and Python, which no part may touch or listen to."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch


class Chance(NamedTuple):
    """How the global generators stand."""

    torch: bytes
    numpy: bytes
    python: tuple[object, ...]

    def moved(self, before: Chance) -> list[str]:
        """Those that stood otherwise before."""
        return [name for name in self._fields if getattr(self, name) != getattr(before, name)]


def chance() -> Chance:
    """How the global generators stand now."""
    state = np.random.get_state(legacy=False)["state"]
    numpy = state["key"].tobytes() + bytes(str(state["pos"]), "ascii")
    return Chance(torch.get_rng_state().numpy().tobytes(), numpy, random.getstate())


def reseed(seed: int) -> None:
    """Set the global generators."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Leave the global generators as they were found, and let denormals be what they are meanwhile.

    A run flushes them for the whole process, and Hypothesis counts on there being a number next to zero.
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
