"""Alignment: which entries of two lists are each other's, at the least cost (Wagner and Fischer 1974)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
#: An entry of either list, by index; None on the side where it has no twin.
Pair = tuple[int | None, int | None]

#: Cells of a table that are worth the time; longer lists are paired by position.
MOST = 250_000


def pairs(first: Sequence[T], second: Sequence[T], cost: Callable[[T, T], float]) -> Iterator[Pair]:
    """Pair the entries of two lists, in order, so that all changes together cost least.

    Args:
        first: Entries.
        second: Entries.
        cost: Of making an entry of `first` one of `second`: 0 if they are equal. To add or remove one costs 1.
    """
    head = _common(first, second)
    tail = _common(first[head:][::-1], second[head:][::-1])
    ends = len(first) - tail, len(second) - tail
    yield from ((i, i) for i in range(head))
    for i, j in _middle(first[head : ends[0]], second[head : ends[1]], cost):
        yield None if i is None else head + i, None if j is None else head + j
    yield from ((ends[0] + i, ends[1] + i) for i in range(tail))


def _common(first: Sequence[T], second: Sequence[T]) -> int:
    """How many entries the two begin with alike."""
    both = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(both) if a != b), min(len(first), len(second)))


def _middle(first: Sequence[T], second: Sequence[T], cost: Callable[[T, T], float]) -> list[Pair]:
    n, m = len(first), len(second)
    if n * m > MOST:
        return [(i if i < n else None, i if i < m else None) for i in range(max(n, m))]
    costs = [[cost(a, b) for b in second] for a in first]
    least = _table(costs, n, m)
    back: list[Pair] = []
    i, j = n, m
    while i or j:
        if i and j and least[i][j] == least[i - 1][j - 1] + costs[i - 1][j - 1]:
            i, j = i - 1, j - 1
            back.append((i, j))
        elif j and least[i][j] == least[i][j - 1] + 1:
            j -= 1
            back.append((None, j))
        else:
            i -= 1
            back.append((i, None))
    return back[::-1]


def _table(costs: Sequence[Sequence[float]], n: int, m: int) -> list[list[float]]:
    """The least cost of making the first i entries the first j, for every i and j."""
    least = [[float(j) for j in range(m + 1)]]
    for i in range(n):
        row = [i + 1.0]
        for j in range(m):
            row.append(min(least[i][j] + costs[i][j], least[i][j + 1] + 1, row[j] + 1))
        least.append(row)
    return least
