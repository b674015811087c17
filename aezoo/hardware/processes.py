"""Processes: how many were started to work on one thing, as torchrun says it in the environment."""

from __future__ import annotations

import os

#: How many processes there are; which of them this one is, of all and of those on its machine.
SIZE, RANK, LOCAL_RANK = "WORLD_SIZE", "RANK", "LOCAL_RANK"


def count() -> int:
    """How many work together; 1 without torchrun."""
    return int(os.environ.get(SIZE, "1"))


def several() -> bool:
    """Whether there is more than one."""
    return count() > 1


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return os.environ.get(RANK, "0") == "0" or not several()
