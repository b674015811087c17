"""The first layer of a table's encoder: each column as numbers that a network can take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from aezoo.plugin import Domains, Field, LayerSpec, Shape, Style, dense
from aezoo_tables.columns import Columns, ColumnSpec, refuse_misfit, single

if TYPE_CHECKING:
    from torch import nn


class ColumnsSpec(LayerSpec):
    """Columns of several kinds as numbers: classes one-hot or as learned vectors, counts as log(1 + x).

    A number stays as it is (`input.normalize = "standardize"` scales it), an ordered class becomes its place from -1
    to 1. Vectors of classes are entity embeddings (Guo and Berkhahn 2016, arXiv:1604.06737). Which cells are known, a
    `join` of `fields.observed` tells the next layer.

    Example:
        input = { shape = [6], kind = "tabular" }

        [[encoder]]
        type = "tables:columns"
        columns = [{ kind = "gaussian", count = 4 }, { kind = "categorical", classes = 3 }, { kind = "poisson" }]
    """

    type: Literal["columns"] = "columns"
    columns: Columns = Field(description="the columns in their order, each with its kind: those of `tables:mixed`")
    dim: int | None = Field(None, ge=1, description="width of the learned vector of a class; one-hot unless said")

    def output_shape(self, shape: Shape) -> Shape:
        refuse_misfit(self.columns, shape)
        return (sum(column.count * self._width(column) for column in self.columns),)

    def domains(self, shape: Shape) -> Domains:
        return [column.domain for column in single(self.columns)]

    def parameters(self, shape: Shape) -> int:
        """How many weights it has."""
        coded = (column.count * (column.classes or 0) for column in self.columns if column.kind == "categorical")
        return sum(coded) * (self.dim or 0)

    def _width(self, column: ColumnSpec) -> int:
        """How many numbers a column becomes."""
        return (self.dim or column.classes or 0) if column.kind == "categorical" else 1

    def mirror(self, shape: Shape, *, target: Shape, style: Style) -> Sequence[LayerSpec]:
        return dense(target, style)

    def build(self, shape: Shape) -> nn.Module:
        from aezoo_tables.encoding import Encoding

        return Encoding([(column.kind, column.classes) for column in single(self.columns)], self.dim)
