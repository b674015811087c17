"""A spec while it is drawn, and the document that is read as it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from aezoo.spec.document import Spec
from aezoo.testing.generate.parts import PartGenerator
from aezoo.testing.generate.pool import PartPool, is_valid
from aezoo.testing.generate.values import Draw, DrawnPart, Table


class Draft:
    """A spec while it is drawn.

    Args:
        draw: Hypothesis's function.
        pool: The parts to draw from.

    Attributes:
        spec: What is drawn so far; set as soon as input, encoder and latent are.
        written: The same as a document.
    """

    spec: Spec

    def __init__(self, draw: Draw, pool: PartPool) -> None:
        self.generator = PartGenerator(draw, pool)
        self.pool = pool
        self.draw = draw
        self.written: Table = {"name": "drawn"}

    def with_value(self, key: str, value: Any) -> Spec:
        """The spec with another value."""
        return self.spec.model_copy(update={key: value})

    def try_set(self, key: str, value: Any, written: Any) -> bool:
        """Set a value of the spec if the spec is valid with it; returns whether."""
        candidate = self.with_value(key, value)
        if not is_valid(candidate):
            return False
        self.spec, self.written[key] = candidate, written
        return True

    def set_part(self, key: str, drawn: DrawnPart) -> None:
        """Put a part into a slot; the slot's default is written down only sometimes."""
        self.spec = self.with_value(key, drawn.part)
        default = Spec.model_fields[key].default
        if drawn.written not in (default, {"type": default}) or self.draw(st.booleans()):
            self.written[key] = drawn.written
