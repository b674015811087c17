"""Processes that are killed at a step on the file system."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

#: Functions of `os` that change what is on the disk, or make sure of it.
STEPS = ("replace", "rename", "link", "unlink", "rmdir", "mkdir", "fsync")


def killed(number: int, act: Callable[..., None], *given: object) -> bool:
    """Whether a process that does this is killed before its `number`-th step on the file system; else it is done."""
    child = os.fork()
    if child == 0:
        left = [number]
        for name in STEPS:
            true = getattr(os, name)

            def step(*given: object, _true: Callable[..., object] = true, **named: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return _true(*given, **named)

            setattr(os, name, step)
        try:
            act(*given)
        except BaseException:
            os._exit(9)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)
