"""Purposes: what a model is fitted for, and what each asks of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

Purpose = Literal["features", "denoise", "anomaly", "compress", "generate"]


class Meaning(NamedTuple):
    """What a purpose asks for.

    Attributes:
        wish: What the model is for, in a few words.
        share: Of the variance that a linear code of its width would keep; the code is no wider than that.
        manifold: Whether the code is as narrow as the samples' own dimension.
    """

    wish: str
    share: float
    manifold: bool


MEANINGS: dict[Purpose, Meaning] = {
    "features": Meaning("a short code of each sample", 0.9, manifold=True),
    "denoise": Meaning("samples without noise", 0.99, manifold=False),
    "anomaly": Meaning("a score of how unusual a sample is", 0.95, manifold=False),
    "compress": Meaning("few numbers for each sample, of which it is restored", 0.95, manifold=False),
    "generate": Meaning("new samples like these", 0.99, manifold=False),
}
