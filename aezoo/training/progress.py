"""Progress of a run: a bar on a terminal, else lines. Refreshed by time, not by step: reading losses costs time."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Protocol, TextIO

#: Seconds between two refreshes: on a terminal, and in a log.
BAR, LINE = 0.2, 10.0


class Progress(Protocol):
    """Shows the losses, every `interval` seconds."""

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


class Terminal:
    """A bar with the named loss terms where `stream` is a terminal, else plain lines; stderr as it is now, if None."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.tty = self.stream.isatty()
        self.interval = BAR if self.tty else LINE / 4
        self.steps = 0
        self._last = 0.0
        self._bar: object | None = None

    def start(self, steps: int) -> None:
        self.steps = steps
        self._last = time.monotonic()
        if self.tty:
            from tqdm import tqdm

            self._bar = tqdm(total=steps, file=self.stream, unit="step", dynamic_ncols=True, mininterval=0, leave=True)

    def show(self, step: int, terms: Mapping[str, float]) -> None:
        if self._bar is not None:
            bar = self._bar
            bar.set_postfix_str(_terms(terms), refresh=False)  # type: ignore[attr-defined]
            bar.update(step - bar.n)  # type: ignore[attr-defined]
            return
        now = time.monotonic()
        if now - self._last >= LINE or step == self.steps:
            self._last = now
            print(f"step {step}/{self.steps}  {_terms(terms)}", file=self.stream, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()  # type: ignore[attr-defined]


def _terms(terms: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in terms.items())
