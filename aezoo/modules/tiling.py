"""Tiling: what encodes and decodes, computed tile by tile as a plan says; a warning where that is approximate."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor

from aezoo.errors import DataWarning
from aezoo.nn.tiles import Seams, Tiles, tiled
from aezoo.spec.shape import Shape
from aezoo.spec.tiles import Plan, exact_overlap

#: What is made of a batch (samples `x`, and their fields) by a model.
Compute = Callable[[Any, Any], Tensor]


class Tiling:
    """Computes what encodes and what decodes tile by tile.

    Args:
        plan: How inputs are cut; None passes them whole.
        blend: Whether codes may be blended.
    """

    def __init__(self, plan: Plan | None, *, blend: bool) -> None:
        self.plan = plan
        self.blend = blend
        self.seams = Seams()

    def shape(self, sample: Shape) -> Shape:
        """The largest shape that passes at once, of samples of this shape."""
        return sample if self.plan is None else (sample[0], *(min(n, self.plan.tile) for n in sample[1:]))

    def encoded(self, encode: Compute) -> Compute:
        """The same for inputs of any size, in tiles."""
        if (plan := self.plan) is None:
            return encode
        tiles, blend = Tiles(plan.tile, plan.overlap, plan.step, plan.encoding), self.blend
        return lambda m, batch: tiled(_of_tile(encode, m, batch), batch.x, tiles, self.seams, blend=blend)

    def decoded(self, decode: Compute) -> Compute:
        """The same for codes of any size, in tiles."""
        if (plan := self.plan) is None:
            return decode
        size, overlap = int(plan.tile / plan.step), int(plan.overlap / plan.step)
        tiles = Tiles(size, overlap, 1 / plan.step, plan.decoding)
        return lambda m, codes: tiled(_of_tile(decode, m, codes), codes.x, tiles, self.seams)

    def warn(self) -> None:
        """Warn if tiles do not give what the whole would: by how much they differ."""
        if (plan := self.plan) is None or not self.seams.approximate:
            return
        exact, most, mean = exact_overlap(plan.seen), self.seams.most, self.seams.mean
        sees = f"{plan.seen.both.positions} positions" if exact else "all positions"
        differ = f"they differ by up to {most:.2g}, by {mean:.2g} on average" if most else "they are cut in the middle"
        warnings.warn(
            DataWarning(
                f"tiles of {plan.tile} that overlap by {plan.overlap} are an approximation, the model sees {sees}:"
                f" where they overlap {differ}",
                f"overlap = {exact} is exact" if exact else "larger tiles and overlaps come closer to a whole pass",
            ),
            stacklevel=5,
        )


def _of_tile(compute: Compute, model: Any, batch: Any) -> Callable[[Tensor], Tensor]:
    """What is made of a tile of a batch, whose fields are those of the whole."""
    return lambda x: compute(model, batch._replace(x=x))
