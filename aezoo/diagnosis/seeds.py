"""Seeds: whether runs of one spec that differ by their seed agree."""

from __future__ import annotations

from collections.abc import Sequence

from aezoo.diagnosis.finding import Finding
from aezoo.diagnosis.rule import Sign

#: The widest span of a figure over seeds, as a share of its mean.
SPAN = 0.5
SEEDS = Sign(
    "AZ741",
    "Seeds that disagree",
    f"`aezoo compare` has runs that differ by their seed alone, and their fvu spans more than {SPAN:.0%} of its mean",
)


def disagreement(name: str, values: Sequence[float]) -> Finding | None:
    """A finding if the values of a figure over seeds differ too much to compare specs by them."""
    if len(values) < 2 or min(values) <= 0:
        return None
    mean, span = sum(values) / len(values), max(values) - min(values)
    if span <= SPAN * mean:
        return None
    return Finding(
        SEEDS.code,
        SEEDS.title,
        f"{name} of {len(values)} seeds goes from {min(values):.3g} to {max(values):.3g}",
        "what is learnt depends on the first weights more than on the spec",
        "take the mean of more seeds, train longer, or lower the learning rate",
    )
