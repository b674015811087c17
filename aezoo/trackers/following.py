"""Following a run: its trackers are told of every record while it works, and let go when it ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aezoo.trackers.choice import KINDS, how_to_install, installed, opener
from aezoo.trackers.listener import Listener, TrackerWarning
from aezoo.trackers.tracker import NOTE, TrackedRun


@contextmanager
def following(
    listeners: list[Callable[[int, Mapping[str, Any]], None]],
    earlier: Sequence[Mapping[str, Any]],
    names: Sequence[str] | None,
    run: TrackedRun,
    *,
    goes_on: bool,
) -> Iterator[None]:
    """Within, trackers get the records of a run.

    Args:
        listeners: Of its history.
        earlier: Records that it has already.
        names: Of the trackers; None: those that it had before, if it goes on.
        run: What they are told of it.
        goes_on: Whether it does.
    """
    if not goes_on:
        _forget(run.folder)
    if names is None:
        names = [*_before(run.folder)] if goes_on else []
    followers = [Listener(name, opener(name), run, earlier, goes_on=goes_on) for name in names]
    listeners += followers
    try:
        yield
    finally:
        for follower in followers:
            follower.close()


def _forget(folder: Path) -> None:
    """Take away what an earlier run in the folder noted: it is not this one that had those trackers."""
    for note in (folder / NOTE).glob("*.json"):
        with suppress(OSError):
            note.unlink()


def _before(folder: Path) -> Iterator[str]:
    """The trackers that a run had, and whose packages are still here."""
    for name in KINDS:
        if not (folder / NOTE / f"{name}.json").is_file():
            continue
        if installed(name):
            yield name
        else:
            message = f"the tracker {name} that the run had gets no records: {KINDS[name].package} is not installed"
            warnings.warn(TrackerWarning(f"{message}: {how_to_install(name)}"), stacklevel=4)
