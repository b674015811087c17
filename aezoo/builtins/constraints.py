"""Constraints: projections of weights, applied in place after each step.

`on = "decoder"` (or any whole stack) means its first map, the one that reads the code: `decoder.2` names one
layer. A column of a map has the weights of one of its inputs: of a decoder's first map, the pattern of one
unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import ConstraintSpec, Field, Remark, Spec

if TYPE_CHECKING:
    from torch import nn


class _ColumnsSpec(ConstraintSpec):
    """Base of the constraints on norms of columns."""

    bounding: ClassVar[bool] = True

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        yield from super().remarks(spec)
        named = self.maps(spec)
        if named and all(maps is not None and not maps for maps in named):
            yield Remark(f"{self.on!r} has no map to project", "name a linear or convolutional layer", at="on")


class UnitNormSpec(_ColumnsSpec):
    """Columns of Euclidean norm 1, so that a code cannot shrink while the decoder grows.

    A column has the weights of one input of a map: of a decoder's first map, the pattern of one code value. With a
    whole stack for `on` its first map is projected, with a layer all its maps.

    Example:
        [constraints.unit_norm]
        on = "decoder"
    """

    type: Literal["unit_norm"] = "unit_norm"

    def build(self) -> Callable[[nn.Module], None]:
        from aezoo.nn.projection import Projection, scale_to_unit

        return Projection(scale_to_unit, first=self.first)


class MaxNormSpec(_ColumnsSpec):
    """Columns no longer than `norm` (Srebro and Shraibman 2005, "Rank, trace-norm and max-norm").

    A longer column is scaled down. Columns and maps are those of `unit_norm`.

    Example:
        [constraints.max_norm]
        on = "decoder.0"
        norm = 2.0
    """

    type: Literal["max_norm"] = "max_norm"
    norm: float = Field(1.0, gt=0, description="largest Euclidean norm of a column")

    def build(self) -> Callable[[nn.Module], None]:
        from aezoo.nn.projection import Projection, scale_below

        return Projection(partial(scale_below, norm=self.norm), first=self.first)
