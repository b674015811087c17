"""Noise of the levels of a hierarchy, where a model is used: it depends on nothing but a seed and a position."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from aezoo.randomness import derive


class SharedNoise:
    """Noise of levels that all samples share, so that the score of one does not depend on those beside it.

    The second half of the draws has the opposite noise of the first, as the code has.

    Args:
        seed: Of the score.
        position: Of the draw.
        draws: How many there are.
    """

    def __init__(self, seed: int, position: int, draws: int) -> None:
        half = (draws + 1) // 2
        self.generator = Generator().manual_seed(derive(seed, "score.levels", position % half))
        self.sign = 1 if position < half else -1

    def __call__(self, like: Tensor) -> Tensor:
        noise = torch.randn(1, *like.shape[1:], generator=self.generator)
        return (self.sign * noise).to(like).expand_as(like)


class NoiseBySample:
    """Noise of levels that depends on the position of a sample alone, not on the batch that it is drawn in.

    Args:
        seed: Of the samples.
        start: Position of the first sample of the batch.
    """

    def __init__(self, seed: int, start: int) -> None:
        self.seed, self.start = seed, start
        self.generators: list[Generator] = []

    def __call__(self, like: Tensor) -> Tensor:
        rows = range(self.start, self.start + len(like))
        self.generators = self.generators or [Generator().manual_seed(derive(self.seed, "levels", i)) for i in rows]
        return torch.stack([torch.randn(like.shape[1:], generator=one) for one in self.generators]).to(like)
