"""What comes after the last step, part by part and without a run: which failures are kept, and how they are worded."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from aezoo.errors import Interrupted, RunFailed
from aezoo.training.failures import FailureCollector
from aezoo.training.signals import Stop


def raising(error: BaseException) -> Callable[[], int]:
    def act() -> int:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left", "a.png"), "a.png: No space left"),
        (OSError(28, "No space left"), "No space left"),
        (OSError("odd"), "odd"),
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError(), "ValueError"),
        (RunFailed("no room"), "no room"),
    ],
    ids=["of a file", "of no file", "without a number", "of lines", "without a text", "of ours"],
)
def test_a_failure_is_worded_by_what_was_done_and_its_reason(error: Exception, reason: str) -> None:
    collector = FailureCollector(Stop(), None)
    assert collector.attempt("drawing", raising(error)) is None
    (failure,) = collector.failures
    assert str(failure) == f"drawing failed: {reason}"
    assert failure is error or failure.__cause__ is error


def test_what_succeeds_is_given_back_and_where_nothing_failed_nothing_is_raised() -> None:
    collector = FailureCollector(Stop(), None)
    assert collector.attempt("drawing", lambda: 3) == 3
    collector.raise_first(None, "kept in m")
    assert collector.failures == []


def test_the_first_failure_is_raised_and_names_the_others_and_where_the_weights_are() -> None:
    collector, run = FailureCollector(Stop(), RunFailed("not finite")), object()
    collector.attempt("drawing", raising(ValueError("odd")))
    collector.attempt("writing", raising(ValueError("even")))
    message = "not finite; drawing failed: ValueError: odd; writing failed: ValueError: even; kept in m"
    with pytest.raises(RunFailed) as caught:
        collector.raise_first(run, "kept in m")
    assert str(caught.value) == caught.value.message == message
    assert caught.value.run is run


def test_weights_in_memory_alone_are_nowhere() -> None:
    with pytest.raises(RunFailed) as caught:
        FailureCollector(Stop(), RunFailed("not finite")).raise_first(None, "")
    assert str(caught.value) == "not finite"


def test_the_error_of_a_plugin_or_of_python_keeps_its_text_and_takes_the_rest_as_notes() -> None:
    collector = FailureCollector(Stop(), ValueError("odd"))
    collector.attempt("drawing", raising(ValueError("even")))
    with pytest.raises(ValueError, match="odd") as caught:
        collector.raise_first(None, "kept in m")
    assert caught.value.args == ("odd",)
    assert caught.value.__notes__ == ["drawing failed: ValueError: even", "kept in m"]


def test_after_an_interrupt_nothing_more_is_begun() -> None:
    collector = FailureCollector(Stop(), None)
    assert collector.attempt("drawing", raising(KeyboardInterrupt())) is None
    assert collector.attempt("writing", lambda: pytest.fail("begun")) is None
    (failure,) = collector.failures
    assert isinstance(failure, Interrupted)
    assert str(failure) == "interrupted during drawing"


def test_after_two_signals_while_weights_were_written_nothing_is_begun() -> None:
    stop = Stop()
    with stop.shielded():
        stop.receive(signal.SIGTERM, None)
        assert not stop.urgent
        stop.receive(signal.SIGINT, None)
    assert FailureCollector(stop, None).attempt("drawing", lambda: pytest.fail("begun")) is None


def test_a_wish_to_exit_is_granted() -> None:
    collector = FailureCollector(Stop(), None)
    with pytest.raises(SystemExit):
        collector.attempt("drawing", raising(SystemExit(3)))
    assert collector.failures == []
