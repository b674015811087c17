"""Afterwards: what comes after the last step. The weights are kept by then; where one part fails, the others go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from aezoo.errors import AezooError, DataError, Interrupted, RunFailed
from aezoo.registry.attribution import blamed
from aezoo.spec.samples import Array
from aezoo.training.stopping import Stop

T = TypeVar("T")


class Afterwards:
    """Tries what comes after the last step, part by part.

    Args:
        stop: Whether a signal came: a `KeyboardInterrupt` without one may be a plugin's.
        failure: How the run itself failed, if it did.
    """

    def __init__(self, stop: Stop, failure: Exception | None) -> None:
        self.stop = stop
        self.failures = [failure] if failure else []
        self._over = stop.urgent

    def attempt(self, work: str, act: Callable[[], T]) -> T | None:
        """Do one part of it, called by a noun; None if it fails, or if the user has interrupted one before."""
        if self._over:
            return None
        try:
            return act()
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            failure = self._failure(work, error)
            if failure is None:
                raise
            self.failures.append(failure)
            return None

    def _failure(self, work: str, error: BaseException) -> Exception | None:
        fault = None if self.stop.received else blamed(error)
        if isinstance(error, KeyboardInterrupt) and fault is None:
            self._over = True
            return Interrupted(f"interrupted during {work}")
        if isinstance(error, SystemExit) and fault is None:
            return None
        failure = fault or (error if isinstance(error, AezooError) else RunFailed(_reason(error)))
        failure.message = f"{work} failed: {failure.message}"
        failure.args = (failure.message,)
        if failure is not error:
            failure.__cause__ = error
        return failure

    def finish(self, run: object, kept: str) -> None:
        """Raise the first failure, if there is one: it says where the weights are, and what else failed.

        Args:
            run: What was reached.
            kept: Where the weights are, in words; nothing if they are in memory alone.
        """
        if not self.failures:
            return
        first, *others = self.failures
        messages = [*(getattr(other, "message", str(other)) for other in others), *([kept] if kept else [])]
        if isinstance(first, AezooError):
            first.message = "; ".join([first.message, *messages])
            first.args = (first.message,)
            first.run = run
        else:
            for message in messages:
                first.add_note(message)
        raise first


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


class Mapped:
    """The files that samples are mapped from, as they were when they were opened.

    A file that is deleted, or that another one takes the place of, stays what it was to whoever has it open; one that
    is written to in place changes under the run.

    Args:
        values: What a set holds.
    """

    def __init__(self, values: Array) -> None:
        self._before = {path: _state(path) for path in _files(values)}

    def refuse_changed(self) -> None:
        """Raises `DataError`: a file was written to since."""
        for path, before in self._before.items():
            now = _state(path)
            if before is not None and now is not None and now[:2] == before[:2] and now != before:
                raise DataError(f"{path} was changed while the run worked", hint="evaluate the model on data that stay")


def _files(values: Array) -> list[Path]:
    array: object = values
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and array.filename is not None:
            return [Path(array.filename)]
        array = array.base
    return []


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
