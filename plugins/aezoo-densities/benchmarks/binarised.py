"""Digits as bits, for benchmarks that report a likelihood."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import aezoo
from aezoo.plugin import Samples

Array = npt.NDArray[np.uint8]


def bits(draws: int = 10) -> Samples:
    """The digits of aezoo in their splits, each pixel drawn as a bit with its grey value as the probability.

    The training split is drawn several times: in an epoch, each digit is seen in as many drawings. Validation and test
    are drawn once. All draws come from one seed.

    Shape:
        -> 8,000 `draws` samples of `train`, 1,000 of `validation` and 1,000 of `test`: [N, 1, 28, 28], 0 or 255
    """
    digits = aezoo.read("variational-digits").data.load()
    rng = np.random.default_rng(0)
    grey = {name: digits.values[rows] for name, rows in digits.splits.items()}
    parts = {name: [drawn(grey[name], rng) for _ in range(draws if name == "train" else 1)] for name in grey}
    ends = np.cumsum([sum(map(len, part)) for part in parts.values()])
    splits = {name: np.arange(start, end) for name, start, end in zip(parts, [0, *ends], ends, strict=False)}
    return Samples(np.concatenate([one for part in parts.values() for one in part]), "bits", splits=splits)


def drawn(grey: Array, rng: np.random.Generator) -> Array:
    """Bits as 0 and 255, which read as 0 and 1, of grey values between 0 and 255."""
    # As whole numbers: 0 is never drawn as 1, and 255 always, a chance of grey / 255.
    return ((rng.integers(0, 255, grey.shape, np.uint8) < grey) * np.uint8(255)).astype(np.uint8)
