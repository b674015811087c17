"""Signals: held back while a run works, not twice, and handled as before afterwards."""

from __future__ import annotations

import signal

import pytest

from aezoo.training.signals import SIGNALS, Stop, stoppable


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
        assert [signal.getsignal(number) for number in SIGNALS] == [stop.receive] * len(SIGNALS)
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested
    assert [signal.getsignal(number) for number in SIGNALS] == before
