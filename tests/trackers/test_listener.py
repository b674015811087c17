"""A listener: a tracker that raises or hangs is dropped with one warning; one that goes on gets no record twice."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

import pytest

from aezoo.trackers.listener import Listener, TrackerWarning
from aezoo.trackers.tracker import NOTE, TrackedRun, Tracker, figures_of


class Taking:
    """A tracker that keeps what it is told; one step is bad for it."""

    def __init__(self, run: TrackedRun, *, bad: int | None = None) -> None:
        self.run, self.bad = run, bad
        self.known = run.known or "first"
        self.steps: list[int] = []
        self.figures: list[dict[str, float]] = []
        self.ended = False

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if step == self.bad:
            raise ConnectionError("no\nroute")
        self.steps.append(step)
        self.figures.append(dict(figures))

    def flush(self) -> None: ...

    def close(self) -> None:
        self.ended = True


def record(step: int) -> dict[str, object]:
    return {"step": step, "epoch": 1, "split": "train", "total": step / 2}


def run_in(folder: Path) -> TrackedRun:
    return TrackedRun("one", "aezoo = 1\n", folder)


def followed(listener: Listener, count: int) -> None:
    """Give a listener so many records, and end."""
    for index in range(count):
        listener(index, record(index + 1))
    listener.close()


class Made:
    """Makes trackers, and keeps them."""

    def __init__(self, bad: int | None = None) -> None:
        self.bad, self.trackers = bad, list[Taking]()

    def __call__(self, run: TrackedRun) -> Tracker:
        self.trackers.append(Taking(run, bad=self.bad))
        return self.trackers[-1]


def noted(folder: Path) -> object:
    return json.loads((folder / NOTE / "taking.json").read_text())


def test_figures_go_by_their_split() -> None:
    assert figures_of({"step": 3, "epoch": 2, "split": "validation", "kl": 1}) == {"epoch": 2.0, "validation/kl": 1.0}
    assert figures_of({"step": 3, "split": "train", "total": 0.5}) == {"train/total": 0.5}


def test_a_tracker_takes_every_record_in_order(tmp_path: Path) -> None:
    made = Made()
    listener = Listener("taking", made, run_in(tmp_path))
    for index in range(50):
        listener(index, record(index + 1))
    listener.close()
    (tracker,) = made.trackers
    assert tracker.steps == [*range(1, 51)]
    assert tracker.figures[3] == {"epoch": 1.0, "train/total": 2.0}
    assert tracker.ended
    assert noted(tmp_path) == {"run": "first", "records": 50}


def test_a_run_that_goes_on_repeats_no_record_and_leaves_out_none(tmp_path: Path) -> None:
    records = [record(step) for step in range(1, 9)]
    first = Listener("taking", Made(), run_in(tmp_path))
    for index in range(5):
        first(index, records[index])
    first.close()
    made = Made()
    again = Listener("taking", made, run_in(tmp_path), records[:3], goes_on=True)  # its last state knows three
    for index in range(3, 8):
        again(index, records[index])
    again.close()
    (tracker,) = made.trackers
    assert tracker.run.known == "first"
    assert tracker.steps == [6, 7, 8]
    assert noted(tmp_path) == {"run": "first", "records": 8}


def test_a_tracker_that_comes_later_gets_the_records_before(tmp_path: Path) -> None:
    made = Made()
    listener = Listener("taking", made, run_in(tmp_path), [record(1), record(2)], goes_on=True)
    listener(2, record(3))
    listener.close()
    assert made.trackers[0].steps == [1, 2, 3]


def test_a_tracker_that_raises_is_dropped_with_one_line(tmp_path: Path) -> None:
    made = Made(bad=3)
    with pytest.warns(TrackerWarning) as told:
        followed(Listener("taking", made, run_in(tmp_path)), 100)
    (line,) = [str(warning.message) for warning in told]
    assert line == f"the tracker taking gets no more records: ConnectionError: no route; {tmp_path} has all of them"
    assert made.trackers[0].steps == [1, 2]


def failing(run: TrackedRun) -> Tracker:
    raise ImportError


def test_one_that_cannot_begin_is_dropped(tmp_path: Path) -> None:
    listener = Listener("taking", failing, run_in(tmp_path))
    with pytest.warns(TrackerWarning, match="gets no more records: ImportError; "):
        listener.close()


@pytest.fixture
def hanging() -> object:
    """Makes trackers that hang until the test is over."""
    release = Event()

    def made(run: TrackedRun) -> Tracker:
        release.wait(60)
        raise AssertionError

    yield made
    release.set()


def test_one_that_hangs_is_left_behind(tmp_path: Path, hanging: Callable[[TrackedRun], Tracker]) -> None:
    listener = Listener("taking", hanging, run_in(tmp_path), seconds=0.05)
    listener(0, record(1))
    with pytest.warns(TrackerWarning, match=r"it did not end within 0\.05 s"):
        listener.close()


def test_records_do_not_pile_up_before_one_that_hangs(tmp_path: Path, hanging: Callable[[TrackedRun], Tracker]) -> None:
    listener = Listener("taking", hanging, run_in(tmp_path), waiting=3)
    with pytest.warns(TrackerWarning, match="it has taken none of 3 records") as told:
        followed(listener, 10)
    assert len(told) == 1


def test_a_note_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / NOTE).mkdir()
    (tmp_path / NOTE / "taking.json").write_text("{")
    made = Made()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listener = Listener("taking", made, run_in(tmp_path), [record(1)], goes_on=True)
        listener.close()
    assert made.trackers[0].steps == [1]
