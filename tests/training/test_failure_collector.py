"""What comes after the last step, part by part and without a run: which failures are kept, and how they are worded."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aezoo.errors import DataError, Interrupted, RunFailed
from aezoo.training.failures import FailureCollector
from aezoo.training.mapped_files import MappedFiles
from aezoo.training.signals import SIGNALS, Stop, stoppable


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


@pytest.fixture
def mapped(tmp_path: Path) -> np.ndarray:
    np.save(tmp_path / "d.npy", np.arange(12.0))
    return np.load(tmp_path / "d.npy", mmap_mode="r")


@pytest.mark.parametrize("part", [slice(None), slice(3, 9)], ids=["whole", "a view"])
def test_a_mapped_file_that_is_written_to_is_refused(tmp_path: Path, mapped: np.ndarray, part: slice) -> None:
    samples = MappedFiles(mapped[part])
    samples.refuse_changed()
    os.utime(tmp_path / "d.npy", ns=(1, 1))
    with pytest.raises(DataError, match=r"d\.npy was changed while the run worked"):
        samples.refuse_changed()


def test_a_mapped_file_that_grows_within_a_tick_of_the_clock_is_refused(tmp_path: Path, mapped: np.ndarray) -> None:
    path = tmp_path / "d.npy"
    before = path.stat()
    samples = MappedFiles(mapped)
    with path.open("ab") as file:
        file.write(b"more")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataError, match="was changed"):
        samples.refuse_changed()


def test_a_mapped_file_that_is_gone_or_replaced_is_still_what_it_was(tmp_path: Path, mapped: np.ndarray) -> None:
    samples = MappedFiles(mapped)
    np.save(tmp_path / "e.npy", np.zeros(3))
    os.replace(tmp_path / "e.npy", tmp_path / "d.npy")
    samples.refuse_changed()
    (tmp_path / "d.npy").unlink()
    samples.refuse_changed()


def test_samples_in_memory_come_from_no_file() -> None:
    MappedFiles(np.arange(6.0)[2:]).refuse_changed()


def test_a_signal_that_is_held_back_is_known_to_have_come() -> None:
    stop = Stop()
    assert (stop.requested, stop.received, stop.urgent) == (False, False, False)
    with stop.deferred():
        stop.receive(signal.SIGINT, None)
        assert (stop.requested, stop.received, stop.urgent) == (True, True, False)
        with pytest.raises(KeyboardInterrupt):
            stop.receive(signal.SIGTERM, None)


def test_a_signal_that_nothing_holds_back_interrupts_and_is_known_to_have_come() -> None:
    stop = Stop()
    with stop.deferred(), stop.deferred():
        pass  # the inner one ends, and then the outer one
    with pytest.raises(KeyboardInterrupt):
        stop.receive(signal.SIGINT, None)
    assert (stop.requested, stop.received) == (False, True)


def test_within_a_second_a_signal_that_comes_again_is_the_same_one() -> None:
    now = [5.0]
    stop = Stop(clock=lambda: now[0])
    with stop.deferred():
        stop.receive(signal.SIGINT, None)
        now[0] = 5.999
        stop.receive(signal.SIGINT, None)
        now[0] = 6.0
        with pytest.raises(KeyboardInterrupt):
            stop.receive(signal.SIGINT, None)


def test_once_weights_are_written_a_signal_is_no_longer_held_back() -> None:
    stop = Stop()
    with stop.shielded():
        pass
    with pytest.raises(KeyboardInterrupt):
        stop.receive(signal.SIGINT, None)


def test_signals_are_heard_while_a_run_works_and_handled_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with stoppable() as stop, stop.deferred():
        assert [signal.getsignal(number) for number in SIGNALS] == [stop.receive] * 2
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested
    assert [signal.getsignal(number) for number in SIGNALS] == before
