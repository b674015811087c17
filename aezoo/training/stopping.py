"""Stopping: Ctrl-C and SIGTERM, one mechanism from the first sample to the last picture."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: What a person, a shell, a scheduler or a container sends to end a run.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the user asked for an end.

    Attributes:
        asked: A signal came while it was held back: whoever works looks at this between two steps.
        received: A signal came at all: a `KeyboardInterrupt` is the user's.
    """

    def __init__(self) -> None:
        self.asked = False
        self.received = False
        self._held = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold back the first signal: what is done here ends by itself. A second one interrupts at once."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Take a signal, as its handler."""
        self.received = True
        if self.asked or not self._held:
            raise KeyboardInterrupt
        self.asked = True


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
