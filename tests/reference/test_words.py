"""Types and bounds in words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from aezoo.reference.words import Wording, takes
from aezoo.spec.component import Floats, Frozen, Ints, Matrix
from aezoo.spec.kinds import LayerSpec, PriorSpec, RegularizerSpec

Share = Annotated[float, Field(ge=0, le=1)]


class Table(Frozen):
    """One field of each form."""

    plain: int
    least: int = Field(2, ge=1)
    below: float | None = Field(None, lt=0.5)
    interval: float = Field(0.5, gt=0, le=1)
    seed: int = Field(0, ge=0, lt=2**63)
    million: int = Field(1, le=1_000_000)
    even: int = Field(2, ge=0, multiple_of=2)
    flag: bool = False
    word: Literal["flat", "spatial"] = "flat"
    numbers: Ints = ()
    colour: Ints = Field((0, 0, 0), min_length=3, max_length=3)
    matrix: Matrix | None = None
    share: Share | tuple[Share, Share] = 0.5
    mark: str = Field(",", min_length=1, max_length=1)
    path: str = Field(min_length=1)
    name: str = Field("a", min_length=1, max_length=100)
    prior: PriorSpec | None = None
    body: tuple[LayerSpec, ...] = Field((), min_length=1)
    terms: dict[str, RegularizerSpec] = Field(default_factory=dict)
    table: Frozen | None = None
    anything: Floats | dict[str, float] = ()


WORDS = {
    "plain": "integer",
    "least": "integer >= 1",
    "below": "number < 0.5",
    "interval": "number in (0, 1]",
    "seed": "integer in [0, 2^63)",
    "million": "integer <= 1000000",
    "even": "integer >= 0, a multiple of 2",
    "flag": "true or false",
    "word": "flat | spatial",
    "numbers": "list of integers",
    "colour": "list of integers (3 entries)",
    "matrix": "list of lists of numbers",
    "share": "number in [0, 1] or list of 2 numbers in [0, 1]",
    "mark": "text (1 character)",
    "path": "text (not empty)",
    "name": "text (1 to 100 characters)",
    "prior": "prior",
    "body": "list of layers (not empty)",
    "terms": "table of regularizers",
    "table": "table",
    "anything": "list of numbers or table of numbers",
}


def phrase(name: str, **wording: Any) -> str:
    field = Table.model_fields[name]
    return takes(field.annotation, field.metadata, Wording(**wording))


@pytest.mark.parametrize("name", Table.model_fields)
def test_what_a_field_takes_is_told_in_words(name: str) -> None:
    assert phrase(name) == WORDS[name]


def test_choices_and_parts_can_be_set_in_another_way() -> None:
    assert phrase("word", choice="/".join) == "flat/spatial"
    assert phrase("prior", slot=lambda kind, many: f"<{kind}>") == "<prior>"
    assert phrase("body", slot=lambda kind, many: f"<{kind}{'s' * many}>") == "list of <layers> (not empty)"
