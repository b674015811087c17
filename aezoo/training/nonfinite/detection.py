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


def faults_of(terms: Means) -> str:
    """The terms that are not finite, in words; empty if all are."""
    bad = [name for name, value in terms.items() if not math.isfinite(value)]
    parts = [name for name in bad if name != "total" and not name.endswith(".weighted")] or bad
    return ", ".join(f"{name} = {terms[name]}" for name in parts)
