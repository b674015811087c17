"""Counts of codes over a split, and their entropy, perplexity and usage."""

from __future__ import annotations

import torch
from torch import Tensor

from aezoo.nn.code import Output


class Counts:
    """How often each code of each codebook occurs.

    Args:
        codes: Of a codebook.
        codebooks: How many there are: indices are then [B, codebooks, *grid].
    """

    def __init__(self, codes: int, *, codebooks: int = 1) -> None:
        self.codes = codes
        self.counts = torch.zeros(codebooks, codes, dtype=torch.int64)

    def update(self, out: Output) -> None:
        books = out.code.indices.cpu().reshape(len(out.x), len(self.counts), -1).movedim(1, 0).flatten(1)
        self.counts += torch.stack([torch.bincount(book, minlength=self.codes) for book in books])


class Perplexity(Counts):
    """exp of the entropy of the codes; the geometric mean over codebooks."""

    def result(self) -> float:
        return float(entropies(self.counts).mean().exp())


class Usage(Counts):
    """Share of the codes that occur."""

    def result(self) -> float:
        return float((self.counts > 0).double().mean())


def entropies(counts: Tensor) -> Tensor:
    """Entropy of each row of counts, in nats.

    Shape:
        [M, K] -> [M]
    """
    shares = counts.double() / counts.sum(dim=-1, keepdim=True).clamp_min(1)
    entropy: Tensor = -torch.special.xlogy(shares, shares).sum(dim=-1)
    return entropy
