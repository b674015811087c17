"""Progress of a run: a bar and a line an epoch on a terminal, else lines with the time left.

Refreshed by time, not by step: reading losses costs time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Protocol, TextIO

#: Seconds between two refreshes: on a terminal, and in a log.
BAR, LINE = 0.2, 10.0


class Progress(Protocol):
    """Shows the losses, every `interval` seconds.

    It may also have `note(line)`, called before `start` with what was chosen for the run, `resumed(step)`, called after
    `start` of a run that goes on, and `epoch(epoch, epochs, step, train, validation)`, called at the end of each epoch
    with its means.
    """

    interval: float

    def start(self, steps: int) -> None: ...
    def show(self, step: int, terms: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


class Silent:
    """Shows nothing. Its interval still counts: losses are checked to be finite when they are shown."""

    interval = 0.5

    def start(self, steps: int) -> None: ...
    def show(self, step: int, terms: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


class Timer(Protocol):
    """Says when something is due."""

    def due(self) -> bool: ...


class RefreshTimer:
    """Says when the terms are due to be shown again.

    Args:
        progress: Gives the interval.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.last = time.monotonic()

    def due(self) -> bool:
        """Whether the interval has passed; if so, it starts anew."""
        now = time.monotonic()
        if now - self.last < self.progress.interval:
            return False
        self.last = now
        return True


class Pace:
    """Steps a second, and the time that is left, from where a process began.

    Args:
        steps: Length of the run.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.first = 0
        self.started = time.monotonic()

    def rate(self, step: int) -> float:
        """Steps a second; 0 before any time has passed."""
        seconds = time.monotonic() - self.started
        return (step - self.first) / seconds if seconds > 0 else 0.0

    def left(self, step: int) -> str:
        """How long the steps that are left take: `1:02:03`, `0:42`; nothing where it cannot be told."""
        rate = self.rate(step)
        if not rate:
            return ""
        minutes, seconds = divmod(round((self.steps - step) / rate), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left"


class Terminal:
    """A bar with the named loss terms and a line for each epoch where `stream` is a terminal, else plain lines.

    Args:
        stream: stderr as it is now, if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.tty = self.stream.isatty()
        self.interval = BAR if self.tty else LINE / 4
        self.steps = 0
        self._last = 0.0
        self._bar: object | None = None
        self._pace = Pace(0)

    def note(self, line: str) -> None:
        """A line above the bar, or in the log."""
        print(line, file=self.stream, flush=True)

    def start(self, steps: int) -> None:
        self.steps = steps
        self._pace = Pace(steps)
        self._last = time.monotonic()
        if self.tty:
            from tqdm import tqdm

            self._bar = tqdm(total=steps, file=self.stream, unit="step", dynamic_ncols=True, mininterval=0, leave=True)

    def resumed(self, step: int) -> None:
        """Count from this step: those before it were another process's."""
        self._pace.first = step
        if self._bar is not None:
            bar = self._bar
            bar.initial = bar.n = bar.last_print_n = step  # type: ignore[attr-defined]

    def epoch(
        self, epoch: int, epochs: int, step: int, train: Mapping[str, float], validation: Mapping[str, float]
    ) -> None:
        """A line for an epoch, above the bar; a log has its lines by time."""
        if self._bar is None:
            return
        judged = [f"validation: {_terms(validation)}"] if validation else []
        rate = f"{self._pace.rate(step):,.4g} steps/s"
        parts = [f"epoch {epoch}/{epochs}", _terms(train), *judged, rate, self._pace.left(step)]
        self._bar.write("  ".join(filter(None, parts)), file=self.stream)  # type: ignore[attr-defined]

    def show(self, step: int, terms: Mapping[str, float]) -> None:
        if self._bar is not None:
            bar = self._bar
            bar.set_postfix_str(_terms(terms), refresh=False)  # type: ignore[attr-defined]
            bar.update(step - bar.n)  # type: ignore[attr-defined]
            return
        now = time.monotonic()
        if now - self._last >= LINE or step == self.steps:
            self._last = now
            left = self._pace.left(step) if step < self.steps else ""
            line = "  ".join(filter(None, (f"step {step}/{self.steps}", _terms(terms), left)))
            print(line, file=self.stream, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()  # type: ignore[attr-defined]


def _terms(terms: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in terms.items())
