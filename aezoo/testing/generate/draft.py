"""Sketch: a spec that is being written, the document beside what it reads as."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from aezoo.spec.document import Spec
from aezoo.testing.generate.parts import Author
from aezoo.testing.generate.pool import Workshop, sound
from aezoo.testing.generate.values import Draw, Drawn, Table


class Sketch:
    """A spec that is being written.

    Args:
        draw: Hypothesis's.
        workshop: What there is to draw from.

    Attributes:
        spec: What is drawn so far; there as soon as input, encoder and latent are.
        written: The same as a document.
    """

    spec: Spec

    def __init__(self, draw: Draw, workshop: Workshop) -> None:
        self.author = Author(draw, workshop)
        self.workshop = workshop
        self.draw = draw
        self.written: Table = {"name": "drawn"}

    def with_(self, key: str, value: Any) -> Spec:
        """The spec with another value."""
        return self.spec.model_copy(update={key: value})

    def keep(self, key: str, value: Any, written: Any) -> bool:
        """Take a value into the spec, if that is then sound."""
        candidate = self.with_(key, value)
        if not sound(candidate):
            return False
        self.spec, self.written[key] = candidate, written
        return True

    def fill(self, key: str, drawn: Drawn) -> None:
        """Take a part into a slot; one that the empty slot means is written down now and then."""
        self.spec = self.with_(key, drawn.part)
        default = Spec.model_fields[key].default
        if drawn.written not in (default, {"type": default}) or self.draw(st.booleans()):
            self.written[key] = drawn.written
