"""Signals: Ctrl-C, SIGTERM and SIGUSR1, one mechanism from the first sample to the last picture."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: What a person, a shell, a scheduler or a container sends to end a run; Windows lacks the last.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
#: Seconds within which a signal that comes again is the same one: `timeout` and others send it to a process and then
#: to its whole group.
ECHO = 1.0


class Stop:
    """Whether the user asked to stop.

    Args:
        clock: Gives seconds.

    Attributes:
        requested: A signal was deferred: the loop reads this between two steps.
        received: A signal came at all: a `KeyboardInterrupt` is the user's.
        urgent: A second one came while weights were written: no further task is begun.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.requested = False
        self.received = False
        self.urgent = False
        self._deferring = False
        self._shielded = False
        self._clock = clock
        self._first: dict[int, float] = {}

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Note the first signal in `requested` and let the code within end by itself; a second one interrupts it."""
        before, self._deferring = self._deferring, True
        try:
            yield
        finally:
            self._deferring = before

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Note signals and interrupt nothing, while weights are written to disk."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._is_echo(number):
            return
        self.received = True
        if self._shielded:
            self.urgent = self.requested
        elif self.requested or not self._deferring:
            raise KeyboardInterrupt
        self.requested = True

    def _is_echo(self, number: int) -> bool:
        now, first = self._clock(), self._first.get(number)
        if first is not None and now - first < ECHO:
            return True
        self._first[number] = now
        return False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """A `Stop` that handles signals; one that the process ignores stays ignored, as in a job in the background.

    Outside of the main thread it handles none: Python delivers them there alone.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # None: a handler that Python did not set, and could not set again.
    handled = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, stop.receive) for number in handled}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
