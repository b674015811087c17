"""Tiles: cut where they are right they give what the whole gives; blended, weights add up to one."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from aezoo.nn.tiles import Seams, Tiles, starts, tiled


def blurred(x: Tensor) -> Tensor:
    """A window of 2 before and 2 after, zeros beyond the border."""
    return F.conv1d(x, torch.tensor([[[0.1, 0.2, 0.4, 0.2, 0.1]]]), padding=2)


def ramp(length: int) -> Tensor:
    return torch.arange(length, dtype=torch.float32)[None, None] + 1


def tiles(size: int, overlap: int, margin: int | None, stride: Fraction = Fraction(1)) -> Tiles:
    return Tiles(size, overlap, stride, None if margin is None else Fraction(margin))


@pytest.mark.parametrize(
    ("length", "size", "overlap", "expected"),
    [(10, 4, 1, [0, 3, 6]), (10, 4, 0, [0, 4, 6]), (4, 4, 2, [0]), (3, 4, 2, [0]), (5, 4, 2, [0, 1])],
)
def test_tiles_cover_an_axis_and_end_with_it(length: int, size: int, overlap: int, expected: list[int]) -> None:
    assert starts(length, tiles(size, overlap, 0)) == expected


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(4, 40), st.integers(5, 20), st.integers(4, 19))
def test_an_overlap_of_all_that_is_seen_gives_the_whole(length: int, size: int, overlap: int) -> None:
    if overlap >= size:
        overlap = size - 1
    x, seams = ramp(length).sin(), Seams()
    torch.testing.assert_close(tiled(blurred, x, tiles(size, overlap, 2), seams), blurred(x))
    assert not seams.approximate


def test_one_position_less_does_not() -> None:
    x = ramp(30).sin()
    wrong = tiled(blurred, x, tiles(10, 3, 2), Seams()) - blurred(x)
    assert wrong.abs().max() > 1e-3


def test_blended_tiles_of_a_pointwise_function_are_the_whole() -> None:
    x, seams = torch.rand(2, 3, 21, 34), Seams()
    torch.testing.assert_close(tiled(torch.sin, x, tiles(8, 3, None), seams), x.sin())
    assert seams.approximate
    assert seams.most < 1e-6  # a weighted mean of equal values


def test_the_weights_of_two_tiles_are_ramps() -> None:
    # The first tile says 0, the second 1: the result is the weight of the second.
    values = iter([0.0, 1.0])
    seams = Seams()
    result = tiled(lambda x: torch.full_like(x, next(values)), ramp(12), tiles(8, 4, None), seams)
    assert result.flatten().tolist() == [0, 0, 0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1]
    assert (seams.most, seams.mean) == (1.0, 1.0)


def test_whole_numbers_are_cut_in_the_middle_and_never_blended() -> None:
    values = iter([0, 10])
    result = tiled(lambda x: torch.full_like(x, next(values)).long()[:, 0], ramp(12), tiles(8, 4, None), Seams())
    assert result.flatten().tolist() == [0] * 6 + [10] * 6


def test_strides_and_borders_keep_their_places() -> None:
    x = torch.rand(1, 1, 40, 24)

    def pooled(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 4, 2)  # one position less than half of them

    def grown(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2)

    torch.testing.assert_close(tiled(pooled, x, tiles(12, 4, 0, Fraction(2)), Seams()), pooled(x))
    torch.testing.assert_close(tiled(grown, x, tiles(6, 1, 0, Fraction(1, 2)), Seams()), grown(x))


def test_a_sample_no_larger_than_a_tile_is_passed_whole() -> None:
    calls = []
    tiled(lambda x: calls.append(x.shape) or x, ramp(8), tiles(8, 2, None), Seams())  # type: ignore[func-returns-value]
    assert calls == [(1, 1, 8)]
