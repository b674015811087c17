"""Failures after the last step: the weights are on disk by then; where one task fails, the others still run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from aezoo.errors import AezooError, Interrupted, RunFailed
from aezoo.registry.attribution import blamed
from aezoo.training.signals import Stop

T = TypeVar("T")


class FailureCollector:
    """Runs the tasks that follow the last step, and collects their exceptions.

    Args:
        stop: Whether a signal came: a `KeyboardInterrupt` without one may be a plugin's.
        failure: How the run itself failed, if it did.
    """

    def __init__(self, stop: Stop, failure: Exception | None) -> None:
        self.stop = stop
        self.failures = [failure] if failure else []
        self._interrupted = stop.urgent

    def attempt(self, name: str, task: Callable[[], T]) -> T | None:
        """Run one task, called by a noun; None if it fails, or if the user has interrupted one before."""
        if self._interrupted:
            return None
        try:
            return task()
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            failure = self._failure(name, error)
            if failure is None:
                raise
            self.failures.append(failure)
            return None

    def _failure(self, name: str, error: BaseException) -> Exception | None:
        plugin_error = None if self.stop.received else blamed(error)
        if isinstance(error, KeyboardInterrupt) and plugin_error is None:
            self._interrupted = True
            return Interrupted(f"interrupted during {name}")
        if isinstance(error, SystemExit) and plugin_error is None:
            return None
        failure = plugin_error or (error if isinstance(error, AezooError) else RunFailed(_reason(error)))
        failure.message = f"{name} failed: {failure.message}"
        failure.args = (failure.message,)
        if failure is not error:
            failure.__cause__ = error
        return failure

    def raise_first(self, run: object, weights: str) -> None:
        """Raise the first failure, if there is one: it says where the weights are, and what else failed.

        Args:
            run: Attached to the exception as its `run`.
            weights: Where the weights are, in words; empty if they are in memory alone.
        """
        if not self.failures:
            return
        first, *others = self.failures
        messages = [*(getattr(other, "message", str(other)) for other in others), *([weights] if weights else [])]
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
        path = f"{error.filename}: " if error.filename else ""
        return f"{path}{error.strerror or error}"
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
