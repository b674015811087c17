"""The order of samples that are decoded in blocks: blocks are shuffled, and then the rows of some neighbours together.

Every sample comes once in an epoch. Two samples of one block are at most a window apart: the order is as good as a
uniform permutation between blocks, and within a window. It depends on the seed and the epoch alone, as every order.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

#: Bytes of the samples that are shuffled with one another, and held decoded.
WINDOW = 128 << 20


def block_order(starts: Tensor, count: int, window: int, generator: Generator) -> Tensor:
    """A permutation of rows: blocks in a random order, the rows of each `window` of them in a random order.

    Args:
        starts: The first row of each block, ascending from 0: int64 [K].
        count: How many rows there are.
        window: How many blocks are shuffled together.
        generator: Draws the order.

    Shape:
        -> int64 [count]
    """
    ends = torch.cat([starts[1:], torch.tensor([count])])
    order = torch.randperm(len(starts), generator=generator)
    pieces = []
    for group in torch.split(order, window):
        rows = torch.cat([torch.arange(int(starts[block]), int(ends[block])) for block in group])
        pieces.append(rows[torch.randperm(len(rows), generator=generator)])
    return torch.cat(pieces)


def window_of(starts: Tensor, count: int, row_bytes: int) -> int:
    """How many blocks of average size a window holds; at least one."""
    block = max(1, count * row_bytes // max(1, len(starts)))
    return max(1, WINDOW // block)
