"""Pictures: the right pixels at the right place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aezoo.storage.pictures import GAP, LARGEST, LINES, MARGIN, PAPER, PLOT, READABLE, comparison, draw, grid

UNIT = (0.0, 1.0)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture)


def test_a_small_image_is_enlarged_by_a_whole_factor_without_blending() -> None:
    sample = np.array([[[0.0, 1.0], [0.5, 0.25]]])
    picture = pixels(draw(sample, UNIT))
    assert picture.shape == (READABLE, READABLE, 3)
    half = READABLE // 2
    assert (picture[:half, :half] == 0).all()
    assert (picture[:half, half:] == 255).all()
    assert (picture[half:, :half] == 128).all()
    assert (picture[half:, half:] == 64).all()


def test_a_large_image_is_reduced_and_keeps_its_proportions() -> None:
    assert draw(np.zeros((3, 512, 1024)), UNIT).size == (LARGEST, LARGEST // 2)


def test_the_range_says_what_is_black_and_white() -> None:
    sample = np.array([[[-1.0, 1.0]]])
    assert sorted(np.unique(pixels(draw(sample, (-1.0, 1.0)))).tolist()) == [0, 255]


def test_values_outside_of_the_range_and_nan_are_drawn_at_its_ends() -> None:
    sample = np.array([[[-3.0, 7.0, np.nan]]])
    assert sorted(np.unique(pixels(draw(sample, UNIT))).tolist()) == [0, 255]


def test_three_channels_are_colours() -> None:
    sample = np.zeros((3, 2, 2))
    sample[0] = 1.0
    assert (pixels(draw(sample, UNIT)) == (255, 0, 0)).all()


def test_five_channels_are_drawn_as_their_mean() -> None:
    sample = np.zeros((5, 2, 2))
    sample[0] = 1.0
    assert (pixels(draw(sample, UNIT)) == 51).all()


def test_a_volume_is_drawn_by_its_middle_slice() -> None:
    volume = np.zeros((1, 3, 4, 4))
    volume[:, 1] = 1.0
    assert (pixels(draw(volume, UNIT)) == 255).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 64), (7, 200), (1,), (12,), (49,), (784,)])
def test_signals_and_vectors_are_plots_of_one_size(shape: tuple[int, ...]) -> None:
    assert draw(np.zeros(shape), (-1.0, 1.0)).size == PLOT


def test_a_rising_signal_goes_from_the_lower_left_to_the_upper_right() -> None:
    picture = pixels(draw(np.linspace(0, 1, 100)[None], UNIT)).astype(int)
    blue = np.abs(picture - LINES[0]).sum(-1) < 40
    rows, columns = np.nonzero(blue)
    assert rows[columns < 20].min() > PLOT[1] * 0.8
    assert rows[columns > PLOT[0] - 20].max() < PLOT[1] * 0.2


def test_bars_stand_on_zero() -> None:
    picture = pixels(draw(np.array([1.0, -1.0]), (-1.0, 1.0))).astype(int)
    blue = np.abs(picture - LINES[0]).sum(-1) < 40
    middle = PLOT[1] // 2
    left, right = blue[:, PLOT[0] // 4], blue[:, 3 * PLOT[0] // 4]
    assert left[: middle - 2].sum() > 0.8 * middle
    assert not left[middle + 2 :].any()
    assert right[middle + 2 :].sum() > 0.8 * middle
    assert not right[: middle - 2].any()


def test_a_comparison_has_a_row_for_each_role_and_a_column_for_each_sample() -> None:
    images = np.zeros((5, 1, 28, 28))
    two = comparison(images, images, range=UNIT)
    three = comparison(images, images, corrupted=images, range=UNIT)
    assert two.height == 2 * MARGIN + 2 * 84 + GAP
    assert three.height == 2 * MARGIN + 3 * 84 + 2 * GAP
    assert three.width == two.width > 5 * 84


def test_originals_stand_above_reconstructions() -> None:
    picture = pixels(comparison(np.ones((1, 1, 28, 28)), np.zeros((1, 1, 28, 28)), range=UNIT))
    column = picture[:, -MARGIN - 10, 0]
    assert (column[MARGIN : MARGIN + 84] == 255).all()
    assert (column[MARGIN + 84 + GAP : -MARGIN] == 0).all()


def test_the_noise_of_a_signal_is_not_cut_off() -> None:
    quiet = np.zeros((1, 1, 50))
    loud = np.where(np.arange(50) % 2, 4.0, -4.0)[None, None]
    tall = pixels(comparison(quiet + 0.1, quiet, corrupted=loud)).astype(int)
    blue = tall[..., 2] - tall[..., 0] > 60  # the line's edges are blended with the paper
    # The originals are next to flat on the scale of the noise.
    assert np.ptp(np.nonzero(blue[: MARGIN + PLOT[1]])[0]) < 6


def test_paper_is_white_and_the_first_line_blue() -> None:
    assert (PAPER, LINES[0]) == ((255, 255, 255), (0, 114, 178))


def test_every_tile_of_a_grid_is_at_its_place_and_between_them_is_paper() -> None:
    shades = np.arange(1, 6) / 8
    picture = pixels(grid(np.broadcast_to(shades[:, None, None, None], (5, 1, 28, 28)), range=UNIT, columns=3))
    expected = np.full(picture.shape, 255, np.uint8)
    for i, shade in enumerate(shades):
        top, left = 14 + (i // 3) * 88, 14 + (i % 3) * 88
        expected[top : top + 84, left : left + 84] = round(255 * shade)
    np.testing.assert_array_equal(picture, expected)


def test_the_columns_of_a_comparison_stand_right_of_the_labels_side_by_side() -> None:
    shades = np.array([0.25, 0.5])[:, None, None, None] * np.ones((2, 1, 28, 28))
    picture = pixels(comparison(shades, shades, range=UNIT))
    right = picture.shape[1] - 14
    for row in (14, 14 + 88):
        assert (picture[row : row + 84, right - 84 : right] == 128).all()
        assert (picture[row : row + 84, right - 172 : right - 88] == 64).all()
        assert (picture[row : row + 84, right - 88 : right - 84] == 255).all()
        assert (picture[row : row + 84, right - 186 : right - 172] == 255).all()  # between a label and its tiles
        ink = picture[row : row + 84, : right - 186].min(axis=(1, 2)) < 200
        assert abs(np.flatnonzero(ink).mean() - 42) < 6  # a label is written at the middle of its row
    assert (picture[:14] == 255).all()
    assert (picture[-14:] == 255).all()


@pytest.mark.parametrize("sample", [np.zeros((1, 50)), np.zeros(3)], ids=["curve", "bars"])
def test_the_frame_of_a_plot_is_as_wide_on_each_side(sample: np.ndarray) -> None:
    picture = pixels(draw(sample, (0.0, 1.0)))
    sides = [picture[20, 0], picture[20, -1], picture[0, 80]]
    assert all((side == sides[0]).all() for side in sides)
    assert (abs(sides[0].astype(int) - 222) < 8).all()
    assert (picture[20, 80] == 255).all()


def test_the_scale_of_a_picture_is_that_of_its_finite_values_and_has_room() -> None:
    faint = np.array([[[2.0, 2.5, 3.0, np.nan, np.inf]]])[None]
    row = pixels(grid(faint))[20, 14 : 14 + 85, 0]
    assert sorted({*row.tolist()}) == [0, 128, 255]
    flat = pixels(grid(np.full((1, 1, 8, 8), 3.0)))[20, 20]
    assert (flat == 128).all()  # in the middle of half a unit below and above


def test_wide_tiles_make_more_rows_than_columns_and_square_ones_as_many() -> None:
    assert grid(np.zeros((9, 1, 28, 28))).size == (2 * 14 + 3 * 88 - 4, 2 * 14 + 3 * 88 - 4)
    assert grid(np.zeros((8, 30))).size == (2 * 14 + 2 * 180 - 4, 2 * 14 + 4 * 88 - 4)
    assert grid(np.zeros((1, 30))).size == (2 * 14 + 176, 2 * 14 + 84)


def test_vectors_of_48_values_are_bars_and_longer_ones_a_curve() -> None:
    bars, curve = (pixels(draw(np.ones(n), (0.0, 2.0))).astype(int) for n in (48, 49))
    below = [np.abs(picture[70:80] - LINES[0]).sum(-1) < 40 for picture in (bars, curve)]
    assert below[0].mean() > 0.4  # a bar is filled down to zero; its edges are blended with the paper
    assert not below[1].any()


def test_channels_have_lines_of_six_colours_in_turn() -> None:
    picture = pixels(draw(np.arange(1.0, 8.0)[:, None] * np.ones((7, 20)), (0.0, 8.0))).astype(int)
    for i in range(7):
        height = round(84 - 4 - (i + 1) / 8 * 77)
        near = picture[height - 2 : height + 3, 80]
        line = near[near.sum(-1).argmin()]  # the row that is blended least with the paper
        assert np.abs(line - LINES).sum(-1).argmin() == i % 6


def test_what_is_transparent_shows_squares_of_four_pixels_by_its_share() -> None:
    clear = pixels(draw(np.zeros((4, 84, 84)), UNIT))
    assert (clear[:4, :4] == round(0.75 * 255)).all()
    assert (clear[:4, 4:8] == round(0.9 * 255)).all()
    assert (clear[4:8, 4:8] == round(0.75 * 255)).all()
    half = np.zeros((4, 84, 84))
    half[0], half[3] = 1.0, 0.5
    assert pixels(draw(half, UNIT))[0, 0].tolist() == [round(255 * 0.875), round(255 * 0.375), round(255 * 0.375)]
