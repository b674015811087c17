"""Domains: what the values of a feature are, where they are not any numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple


class Domain(NamedTuple):
    """What the values of one feature are: between which ends they lie, and whether they are whole numbers.

    Whole numbers name classes or count things: `normalize = "standardize"` leaves them as they are.
    """

    low: float = -inf
    high: float = inf
    whole: bool = False

    def __str__(self) -> str:
        within = "" if (self.low, self.high) == (-inf, inf) else f" from {self.low:g}"
        up_to = "" if self.high == inf else f" to {self.high:g}"
        return f"{'a whole number' if self.whole else 'a number'}{within}{up_to}"


#: Of each feature (the entries along the first axis of a sample); None for any numbers.
Domains = Sequence[Domain] | None


def whole(*domains: Domains) -> list[bool] | None:
    """Which features are whole numbers by any of these; None if none is asked to be."""
    told = [one for one in domains if one is not None]
    return [any(feature.whole for feature in features) for features in zip(*told, strict=True)] if told else None
