"""Stopping: Ctrl-C and SIGTERM, one mechanism from the first sample to the last picture."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: What a person, a shell, a scheduler or a container sends to end a run.
SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Seconds within which a signal that comes again is the same one: `timeout` and others send it to a process and then
#: to its whole group.
ECHO = 1.0


class Stop:
    """Whether the user asked for an end.

    Args:
        clock: Gives seconds.

    Attributes:
        asked: A signal came while it was held back: whoever works looks at this between two steps.
        received: A signal came at all: a `KeyboardInterrupt` is the user's.
        urgent: A second one came while weights were written: nothing more is to be begun.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.asked = False
        self.received = False
        self.urgent = False
        self._held = False
        self._shielded = False
        self._clock = clock
        self._first: dict[int, float] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold back the first signal: what is done here ends by itself. A second one interrupts at once."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Hold back every signal, while weights are brought to the disk."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Take a signal, as its handler."""
        if self._is_echo(number):
            return
        self.received = True
        if self._shielded:
            self.urgent = self.asked
        elif self.asked or not self._held:
            raise KeyboardInterrupt
        self.asked = True

    def _is_echo(self, number: int) -> bool:
        now, first = self._clock(), self._first.get(number)
        if first is not None and now - first < ECHO:
            return True
        self._first[number] = now
        return False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """A `Stop` that hears signals; one that the process ignores stays ignored, as in a job in the background.

    Outside of the main thread it hears none: Python delivers them there alone.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # None: a handler that Python did not set, and could not set again.
    heard = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, stop.receive) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
