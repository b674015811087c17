"""Fields: what goes along with each sample besides its values: a label, a mask, a target."""

from __future__ import annotations

import math

from pydantic import Field, model_validator

from aezoo.spec.component import Frozen, Interval, Ints
from aezoo.spec.shape import Shape


class FieldSpec(Frozen):
    """What goes along with each sample: one of `classes`, or numbers of a `shape`."""

    classes: int | None = Field(None, ge=1, description="it is a whole number from 0 to classes - 1")
    shape: Ints | None = Field(
        None,
        description="of one sample's numbers",
        json_schema_extra={"minItems": 1, "maxItems": 4, "items": {"type": "integer", "minimum": 1}},
    )
    range: Interval | None = Field(None, description="lowest and highest value, of a field with a shape")
    missing: bool = Field(
        False, description="whether the class of a sample may be unknown: it is then -1, and layers read zeros"
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> FieldSpec:
        if (self.classes is None) == (self.shape is None):
            raise ValueError("takes either classes or a shape: {classes = 10}, or {shape = [8]}")
        if self.shape is not None and (not 1 <= len(self.shape) <= 4 or min(self.shape) < 1):
            raise ValueError(f"shape takes one to four positive axes, got {list(self.shape)}")
        if self.range and not self.range[0] < self.range[1]:
            raise ValueError(f"range takes the lower end first, got {list(self.range)}")
        if self.range and self.shape is None:
            raise ValueError("classes have no range: they are 0 to classes - 1")
        if self.missing and self.classes is None:
            raise ValueError("only a class may be missing; numbers have a mask: {shape = [8]}, and mask")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value."""
        if self.classes is not None:
            return -1 if self.missing else 0, self.classes - 1
        return self.range or (-math.inf, math.inf)

    @property
    def read_shape(self) -> Shape:
        """As a layer reads it: a class is one-hot."""
        return self.shape or (self.classes or 0,)

    @property
    def sample_shape(self) -> Shape:
        """Of one sample; `()` of a class."""
        return self.shape or ()
