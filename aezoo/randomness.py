"""Counter-based randomness: every draw depends on (seed, stream, counters), on nothing drawn before it.

So a run that stops and goes on, or one on another number of processes, draws what it would have drawn:
nothing has to be saved but the position.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Generator

_BITS = 2**63 - 1


@lru_cache(maxsize=256)
def _prefix(stream: str) -> hashlib.blake2b:
    # The length goes first, so that no stream and counters spell what another stream spells.
    name = stream.encode()
    return hashlib.blake2b(struct.pack("<q", len(name)) + name, digest_size=8, person=b"aezoo")


@lru_cache(maxsize=32)
def _packer(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}q")


def derive(seed: int, stream: str, *counters: int) -> int:
    """A number below 2**63 that depends on all arguments, and looks unrelated if one of them changes.

    Args:
        seed: Of the run; any signed 64-bit integer.
        stream: What the number is for: `order`, `corruption` ...
        counters: Where it is used: an epoch, a step, a rank.
    """
    digest = _prefix(stream).copy()
    digest.update(_packer(len(counters) + 1).pack(seed, *counters))
    return int.from_bytes(digest.digest(), "little") & _BITS


def generator(seed: int, stream: str, *counters: int) -> Generator:
    """A torch generator on the CPU, seeded by `derive`."""
    import torch

    return torch.Generator().manual_seed(derive(seed, stream, *counters))


def rng(seed: int, stream: str, *counters: int) -> np.random.Generator:
    """A numpy generator, seeded by `derive`."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(derive(seed, stream, *counters)))


def permutation(n: int, seed: int, stream: str, *counters: int) -> npt.NDArray[np.int64]:
    """The integers below `n` in random order.

    It sorts raw bits: numpy promises that those never change between versions, and promises nothing of the
    kind for `Generator.permutation`. A test split must outlive an update.
    """
    import numpy as np

    keys = np.random.PCG64(derive(seed, stream, *counters)).random_raw(n)
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)
