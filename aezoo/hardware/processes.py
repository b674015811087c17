"""Processes: how many were started to work on one thing, as torchrun says it in the environment."""

from __future__ import annotations

import os

from aezoo.errors import UsageError

#: How many processes there are; which of them this one is, of all and of those on its machine.
SIZE, RANK, LOCAL_RANK = "WORLD_SIZE", "RANK", "LOCAL_RANK"
#: What several do together, in words.
SHARED = "train, resume, evaluate, encode, decode, reconstruct, sample and score share their work"


def count() -> int:
    """How many work together; 1 without torchrun."""
    return int(os.environ.get(SIZE, "1"))


def several() -> bool:
    """Whether there is more than one."""
    return count() > 1


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return os.environ.get(RANK, "0") == "0" or not several()


def refuse_several(work: str) -> None:
    """Raise `UsageError` if several processes were started to do work that one does: each would do all of it."""
    if several():
        raise UsageError(f"{work} is not made for {count()} processes", hint=f"start it without torchrun; {SHARED}")
