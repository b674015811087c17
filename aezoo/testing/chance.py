"""Chance: the global generators of torch, NumPy and Python, which no part may touch or listen to."""

from __future__ import annotations

import random
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
    """Leave the global generators as they were found."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
