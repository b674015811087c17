"""Tiles: how large inputs of a model are cut, and how much tiles must overlap to be exact. In plain arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import NamedTuple

from aezoo.errors import NoMirror, ShapeError, UsageError
from aezoo.spec.document import Spec
from aezoo.spec.sizes import Views, views
from aezoo.spec.window import Window


class Plan(NamedTuple):
    """How a model's inputs, and its codes, are cut. All lengths are in positions of the input.

    Attributes:
        tile: Side of a tile.
        overlap: Of two neighbours, at least.
        seen: What the model sees.
    """

    tile: int
    overlap: int
    seen: Views

    @property
    def step(self) -> Fraction:
        """From one code position to the next."""
        return Fraction(self.seen.encoder.stride)

    @property
    def encoding(self) -> Fraction | None:
        """How far from its start a tile's codes may be wrong; None if all of them may be."""
        return _margin(self.seen.encoder, Fraction(self.overlap))

    @property
    def decoding(self) -> Fraction | None:
        """The same of what a tile of codes decodes to, in code positions."""
        return _margin(self.seen.decoder, self.overlap / self.step)


def plan(spec: Spec, tile: int, overlap: int | None) -> Plan:
    """How inputs of a spec are cut.

    Args:
        spec: Of the model, for samples of its declared size.
        tile: Side of a tile.
        overlap: Of two neighbours; None for what makes tiles exact if that is at most half of a tile, else a quarter.

    Raises:
        UsageError: The model takes one size only, or none as small as the tile; or a length that its strides do not
            divide.
    """
    seen = views(spec) if spec.input.sizes is not None else None
    if seen is None:
        raise UsageError(
            f"{spec.name} takes samples of one size only, and a tile is of another",
            hint="declare it with input.sizes, and train it anew",
        )
    step = seen.both.multiple
    for name, length, least in (("tile", tile, step), ("overlap", overlap, 0)):
        if length is not None and (length < least or length % step):
            near = f"{max(length // step * step, least)} or {max(-(-length // step) * step, least)}"
            raise UsageError(f"{name} = {length}: takes a multiple of {step}", hint=f"{name} = {near}")
    if overlap is not None and overlap >= tile:
        raise UsageError(f"overlap = {overlap} of tiles of {tile} leaves nothing", hint=f"overlap = {tile // 4}")
    _refuse_small(spec, tile)
    if overlap is None:
        wanted = exact_overlap(seen)
        overlap = wanted if wanted is not None and wanted <= tile // 2 else tile // 4 // step * step
    return Plan(tile, overlap, seen)


def exact_overlap(seen: Views) -> int | None:
    """The least overlap with which tiles are exact, for encoding and decoding; None if no overlap is."""
    there, back = seen.encoder.overlap, seen.decoder.overlap
    if there is None or back is None:
        return None
    step = seen.both.multiple
    return ceil(max(Fraction(there), back * Fraction(seen.encoder.stride)) / step) * step


def _margin(window: Window, overlap: Fraction) -> Fraction | None:
    needed = window.overlap
    return None if needed is None or needed > overlap else window.first * Fraction(window.stride)


def _refuse_small(spec: Spec, tile: int) -> None:
    other = spec.at((spec.input.shape[0], *(tile for _ in spec.input.shape[1:])))
    try:
        _ = other.code_shape, other.decoder_shapes
    except (ShapeError, NoMirror) as error:
        raise UsageError(f"tile = {tile} is too small for the model: {error}", hint="take a larger one") from None
