"""Description: what a source of samples says of itself before a spec says how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

#: What a column of a table holds: numbers; whole numbers from 0 on; 0 and 1; few different words.
Held = Literal["number", "count", "bits", "words"]


class Column(NamedTuple):
    """A column that can be a feature.

    Attributes:
        name: Of the column.
        holds: What its values are.
        words: The different words that it holds, in alphabetical order; of other columns none.
        gaps: How many of its values are missing.
    """

    name: str
    holds: Held
    words: tuple[str, ...] = ()
    gaps: int = 0


class ColumnDensity(NamedTuple):
    """Parts of a spec that read columns of several kinds and have a density for them.

    Attributes:
        likelihood: Its table.
        encoder: Layers that come before all others.
        outputs: How many numbers the decoder gives.
    """

    likelihood: Mapping[str, Any]
    encoder: tuple[Mapping[str, Any], ...]
    outputs: int


@dataclass(frozen=True)
class Description:
    """What a source holds, and how it has to be read.

    Attributes:
        settings: Of its dataset: those that the source needs, `{"delimiter": ";"}`.
        reasons: Why, by the name of the setting, in a few words each.
        columns: Of a table: those that are read.
        shape: Of a sample, where the source has to be told one.
        shape_reason: Why that one.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    shape: tuple[int, ...] | None = None
    shape_reason: str = ""
