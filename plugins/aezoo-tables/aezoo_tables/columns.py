"""Columns of a table: what kind each is, and so what its values are and how many parameters its density has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from aezoo.plugin import Domain, Field, Frozen, Shape, ShapeError, as_tuple, vector

Kind = Literal["gaussian", "categorical", "ordinal", "poisson", "negative_binomial", "zinb"]
#: Kinds whose values are classes, and kinds whose values are counts.
CLASSES, COUNTS = ("categorical", "ordinal"), ("poisson", "negative_binomial", "zinb")


class ColumnSpec(Frozen):
    """One column of a table, or several alike that stand side by side."""

    kind: Kind = Field(description="the density of its values: of numbers, of classes, of ordered classes, of counts")
    classes: int | None = Field(
        None, ge=2, description="of a categorical or ordinal column: its values are whole numbers below this"
    )
    count: int = Field(1, ge=1, description="how many such columns stand side by side")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.classes is None) == (self.kind in CLASSES):
            what = "takes classes: how many there are" if self.classes is None else "has no classes"
            raise ValueError(f"a column of kind {self.kind!r} {what}")
        return self

    @property
    def domain(self) -> Domain:
        """What its values are."""
        if self.classes is not None:
            return Domain(0, self.classes - 1, whole=True)
        return Domain(0, inf, whole=True) if self.kind in COUNTS else Domain()

    @property
    def given(self) -> int:
        """How many parameters of its density come from the decoder: of one column."""
        if self.kind == "categorical":
            return self.classes or 0
        return 2 if self.kind == "zinb" else 1

    @property
    def learned(self) -> int:
        """How many are weights, the same for all samples: of one column."""
        if self.kind == "ordinal":
            return (self.classes or 0) - 1
        return 0 if self.kind in ("categorical", "poisson") else 1


Columns = Annotated[tuple[ColumnSpec, ...], BeforeValidator(as_tuple), Field(min_length=1)]


def single(columns: Iterable[ColumnSpec]) -> Iterator[ColumnSpec]:
    """Each column by itself."""
    for column in columns:
        yield from [column.model_copy(update={"count": 1})] * column.count


def refuse_misfit(columns: Sequence[ColumnSpec], shape: Shape) -> None:
    """Raise `ShapeError` unless these are the columns of samples of this shape."""
    width, declared = vector(shape), sum(column.count for column in columns)
    if width != declared:
        raise ShapeError(f"tells of {declared} columns, and gets {width}")
