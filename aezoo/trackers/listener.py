"""A listener hands the records of a run to one tracker, in a thread of its own: no step waits for it.

What a tracker has taken is noted in the folder of the run: a run that goes on repeats the records since its last state,
which are equal to the digit, and the tracker gets those that it has not.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Thread
from typing import Any

from aezoo.files import atomic_write
from aezoo.trackers.tracker import NOTE, TrackedRun, Tracker, figures_of

#: Records that wait for a tracker, at most, and seconds that it has to take those that are left at the end.
WAITING, SECONDS = 10_000, 30.0


class TrackerWarning(UserWarning):
    """A tracker failed, and gets no more records; the run and `metrics.jsonl` have lost nothing."""


class Listener:
    """Hands records to a tracker until it fails.

    Args:
        name: Of the tracker.
        opened: Makes it.
        run: What it is told of the run; `known` is found in the folder, if the run goes on.
        earlier: Records that the run has already: the tracker gets those that it has not.
        goes_on: Whether the run does.
        waiting: Records that wait, at most.
        seconds: That the tracker has at the end.
    """

    def __init__(
        self,
        name: str,
        opened: Callable[[TrackedRun], Tracker],
        run: TrackedRun,
        earlier: Sequence[Mapping[str, Any]] = (),
        *,
        goes_on: bool = False,
        waiting: int = WAITING,
        seconds: float = SECONDS,
    ) -> None:
        self.name = name
        self._opened, self._run = opened, run
        self._seconds = seconds
        self._note = run.folder / NOTE / f"{name}.json"
        self._failure = ""
        self._dropped = False
        self._abandoned = False
        self._records: Queue[tuple[int, dict[str, float]] | None] = Queue(waiting + len(earlier))
        known, self._taken = noted(self._note) if goes_on else ("", 0)
        self._run = run._replace(known=known)
        for index, record in enumerate(earlier):
            self(index, record)
        self._thread = Thread(target=self._work, name=f"tracker-{name}", daemon=True)
        self._thread.start()

    def __call__(self, index: int, record: Mapping[str, Any]) -> None:
        """Take a record of the run, its place among all of them; one that the tracker has is left out."""
        if self._failure:
            self._drop(self._failure)
        if self._dropped or index < self._taken:
            return
        self._taken = index + 1
        try:
            self._records.put_nowait((record["step"], figures_of(record)))
        except Full:
            self._drop(f"it has taken none of {self._records.maxsize:,} records")

    def close(self) -> None:
        """Let the tracker take what is left, if it does so in time."""
        if not self._dropped:
            try:
                self._records.put_nowait(None)
            except Full:
                self._drop(f"it has taken none of {self._records.maxsize:,} records")
        if not self._dropped:
            self._thread.join(self._seconds)
            if self._thread.is_alive():
                self._drop(f"it did not end within {self._seconds:g} s")
            elif self._failure:
                self._drop(self._failure)

    def _drop(self, why: str) -> None:
        if not self._dropped:
            self._dropped = self._abandoned = True
            message = f"the tracker {self.name} gets no more records: {why}; {self._run.folder} has all of them"
            warnings.warn(TrackerWarning(message), stacklevel=3)

    # --- in the thread --------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._hand_on()
        except BaseException as error:
            text = " ".join(str(error).split())[:300]
            self._failure = f"{type(error).__name__}: {text}" if text else type(error).__name__

    def _hand_on(self) -> None:
        taken = noted(self._note)[1] if self._run.known else 0
        tracker = self._opened(self._run)
        self._write(tracker.known, taken)
        ended = False
        while not ended and not self._abandoned:
            ended, group = self._next()
            for step, figures in group:
                tracker.log(step, figures)
            if group:
                tracker.flush()
                taken += len(group)
                self._write(tracker.known, taken)
        tracker.close()

    def _next(self) -> tuple[bool, list[tuple[int, dict[str, float]]]]:
        """Whether the run ended, and all that waits, once something does: it is kept by one flush."""
        group: list[tuple[int, dict[str, float]]] = []
        item = self._records.get()
        while item is not None:
            group.append(item)
            try:
                item = self._records.get_nowait()
            except Empty:
                return False, group
        return True, group

    def _write(self, known: str, taken: int) -> None:
        self._note.parent.mkdir(exist_ok=True)
        atomic_write(self._note, json.dumps({"run": known, "records": taken}) + "\n")


def noted(note: Path) -> tuple[str, int]:
    """By what a tracker knows a run, and how many records it has of it; nothing where that is not known."""
    try:
        document = json.loads(note.read_bytes())
        return str(document["run"]), int(document["records"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0
