"""Plans of tiles: the overlap that is exact, and lengths that are refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from aezoo.errors import UsageError
from aezoo.reading.reader import read
from aezoo.spec.sizes import views
from aezoo.spec.tiles import exact_overlap, plan
from tests.spec.test_sizes import conv, spec_of


def test_the_exact_overlap_covers_encoder_and_decoder_in_whole_strides() -> None:
    spec = read(spec_of())  # the encoder sees 3 before and 4 after; the decoder 7/4 of a code position, 7
    seen = views(spec)
    assert seen is not None
    assert exact_overlap(seen) == 8
    assert plan(spec, 16, None)[:2] == (16, 8)
    assert plan(spec, 16, 4).encoding is None
    assert plan(spec, 16, 8).encoding == 4
    assert plan(spec, 16, 8).decoding == Fraction(1, 4)  # code positions


def test_without_an_exact_overlap_a_quarter_is_taken() -> None:
    spec = read(spec_of(encoder=[*spec_of()["encoder"], "attention"]))
    assert plan(spec, 64, None)[:2] == (64, 16)
    assert plan(spec, 64, None).encoding is None
    assert plan(read(spec_of()), 8, None)[:2] == (8, 0)  # 8 would be all of a tile


@pytest.mark.parametrize(
    ("sizes", "tile", "overlap", "message", "hint"),
    [
        (None, 16, None, "one size only", "input.sizes"),
        (4, 18, None, "tile = 18: takes a multiple of 4", "tile = 16 or 20"),
        (4, 0, None, "tile = 0: takes a multiple of 4", "tile = 4 or 4"),
        (4, 16, 6, "overlap = 6: takes a multiple of 4", "overlap = 4 or 8"),
        (4, 16, -4, "overlap = -4", "overlap = 0 or 0"),
        (4, 16, 16, "overlap = 16 of tiles of 16 leaves nothing", "overlap = 4"),
    ],
)
def test_what_cannot_be_cut_is_refused(sizes: Any, tile: int, overlap: int | None, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(read(spec_of(sizes)), tile, overlap)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_tile_below_a_kernel_is_refused() -> None:
    spec = read(spec_of("any", encoder=[conv(kernel=7, padding=0)], regularizers={"l2": {}}))
    with pytest.raises(UsageError, match="tile = 4 is too small for the model"):
        plan(spec, 4, 0)
