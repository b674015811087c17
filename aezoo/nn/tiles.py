"""Tiles: a function of a grid, computed piece by piece, so that no pass is larger than a piece.

Where the function sees only so far, and tiles overlap by as much, each position is taken from a tile that holds all it
sees: the result is that of the whole. Else tiles are blended where they overlap, by weights that rise and fall.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import ceil
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Tiles(NamedTuple):
    """How a grid is cut into tiles.

    Attributes:
        size: Of a tile along each axis, in input positions.
        overlap: Of two neighbours, at least.
        stride: Input positions from one output position to the next.
        margin: How many input positions from its start on a tile may be wrong, for want of what lies before it. None if
            tiles may be wrong everywhere: they are blended where they overlap.
    """

    size: int
    overlap: int
    stride: Fraction
    margin: Fraction | None


class Seams:
    """By how much neighbouring tiles differ where they overlap.

    Attributes:
        approximate: Whether any result is not that of the whole.
        most: The largest difference of two values that were blended.
    """

    def __init__(self) -> None:
        self.approximate = False
        self.most = 0.0
        self._sum, self._count = 0.0, 0

    @property
    def mean(self) -> float:
        """The mean size of all differences."""
        return self._sum / max(self._count, 1)

    def add(self, differences: Tensor) -> None:
        """Count these values."""
        if differences.numel():
            sizes = differences.abs()
            self.most = max(self.most, float(sizes.max()))
            self._sum, self._count = self._sum + float(sizes.sum(dtype=torch.float64)), self._count + sizes.numel()


def starts(length: int, tiles: Tiles) -> list[int]:
    """Where tiles begin along an axis; the last one ends where the axis ends."""
    last = max(length - tiles.size, 0)
    return [*range(0, last, tiles.size - tiles.overlap), last]


def tiled(function: Callable[[Tensor], Tensor], x: Tensor, tiles: Tiles, seams: Seams, *, blend: bool = True) -> Tensor:
    """`function(x)`, computed tile by tile.

    Args:
        function: From [B, C, *grid] to [B, ..., *grid / stride].
        x: The whole input.
        tiles: How it is cut.
        seams: Is told the differences of tiles that are blended.
        blend: Whether values may be blended; if not, as whole numbers never are, they are cut in the middle of an
            overlap.

    Shape:
        x: [B, C, *grid] -> [B, ..., *grid / stride]
    """
    axes = [starts(length, tiles) for length in x.shape[2:]]
    if all(len(axis) == 1 for axis in axes):
        return function(x)
    seams.approximate |= tiles.margin is None
    joined: _Joined | None = None
    for place in product(*(range(len(axis)) for axis in axes)):
        begins = [axis[i] for axis, i in zip(axes, place, strict=True)]
        y = function(x[(slice(None), slice(None), *(slice(begin, begin + tiles.size) for begin in begins))])
        if joined is None:
            blended = blend and tiles.margin is None and y.is_floating_point()
            joined = _Joined(y, x.shape[2:], axes, tiles, blended=blended)
        joined.add(y, place, seams)
    assert joined is not None
    return joined.result()


class _Joined:
    """The whole output, to which tiles are added, each with a weight at each position."""

    def __init__(
        self, first: Tensor, lengths: Sequence[int], axes: Sequence[Sequence[int]], tiles: Tiles, *, blended: bool
    ) -> None:
        rank = len(lengths)
        sides = first.shape[-rank:]
        # A border: convolutions without padding give fewer positions than the input has, divided by the stride.
        borders = [side - int(min(n, tiles.size) / tiles.stride) for side, n in zip(sides, lengths, strict=True)]
        size = [int(n / tiles.stride) + border for n, border in zip(lengths, borders, strict=True)]
        self.blended = blended
        self.begins = [[int(start / tiles.stride) for start in axis] for axis in axes]
        self.values = first.new_zeros(*first.shape[:-rank], *size)
        self.weights = first.new_zeros(size)
        weigh = _ramps if blended else _cuts
        self.profiles = [weigh(axis, side, tiles) for axis, side in zip(axes, sides, strict=True)]

    def add(self, y: Tensor, place: Sequence[int], seams: Seams) -> None:
        """Add a tile; of one that is to be blended, note how it differs from what is there."""
        weight = torch.ones((), device=y.device)
        for profile, i in zip(self.profiles, place, strict=True):
            weight = weight.unsqueeze(-1) * profile[i].to(y.device)
        begins = [begin[i] for begin, i in zip(self.begins, place, strict=True)]
        spans = [slice(begin, begin + side) for begin, side in zip(begins, weight.shape, strict=True)]
        whole: tuple[Any, ...] = (..., *spans)
        values, weights = self.values[whole], self.weights[whole]
        if self.blended:
            there = weights > 0
            seams.add(y[..., there] - values[..., there] / weights[there])
        values += weight.to(y.dtype) * y
        weights += weight.to(y.dtype)

    def result(self) -> Tensor:
        return self.values / self.weights if self.blended else self.values


def _cuts(axis: Sequence[int], side: int, tiles: Tiles) -> list[Tensor]:
    """For each tile along an axis 1 where it counts, else 0."""
    ends = [start + tiles.size for start in axis]
    margins = [Fraction(end - start, 2) if tiles.margin is None else tiles.margin for end, start in _pairs(ends, axis)]
    cuts = [ceil((start + margin) / tiles.stride) for start, margin in zip(axis[1:], margins, strict=True)]
    profiles = []
    for start, low, high in zip(axis, [None, *cuts], [*cuts, None], strict=True):
        position = torch.arange(side) + int(start / tiles.stride)
        counts = torch.ones(side) if low is None else (position >= low).float()
        profiles.append(counts if high is None else counts * (position < high))
    return profiles


def _ramps(axis: Sequence[int], side: int, tiles: Tiles) -> list[Tensor]:
    """For each tile along an axis a weight that rises where it overlaps the one before, and falls where the next."""
    begins = [int(start / tiles.stride) for start in axis]
    shared = [max(begin + side - other, 0) for begin, other in _pairs(begins, begins)]
    rises = [(torch.arange(side) + 0.5).div(max(width, 1)).clamp(max=1) for width in shared]
    ones = torch.ones(side)
    return [torch.minimum(rise, fall.flip(0)) for rise, fall in zip([ones, *rises], [*rises, ones], strict=True)]


def _pairs(these: Sequence[int], others: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each of these but the last, with the one of the others that comes after."""
    return zip(these[:-1], others[1:], strict=True)
