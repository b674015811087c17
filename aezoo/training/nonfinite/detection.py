"""Losses that are not finite: how they are noticed, where they are read anyway, and what to do about them.

Reading a loss waits for the device. So they are read where a record, a state or the end of an epoch needs them, and the
step in which it began is found afterwards: see `aezoo.training.nonfinite.first_fault`.
"""

from __future__ import annotations

import math

from aezoo.training.meter import Means

#: What a person can type.
WAYS_OUT = "a lower training.optimizer.lr, --set training.clip=1, or --set training.on_nonfinite=rollback"


class NotFinite(Exception):
    """Terms of a loss are not finite; the message names them."""


def finite(terms: Means) -> Means:
    """The terms. Raises `NotFinite`, which names those that are not finite."""
    bad = [name for name, value in terms.items() if not math.isfinite(value)]
    if bad:
        parts = [name for name in bad if name != "total" and not name.endswith(".weighted")] or bad
        raise NotFinite(", ".join(f"{name} = {terms[name]}" for name in parts))
    return terms
