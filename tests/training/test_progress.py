"""What is shown of a run goes to stderr as it is when the run begins."""

from __future__ import annotations

import io
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import aezoo
from aezoo.errors import Interrupted
from aezoo.training import progress
from aezoo.training.progress import Terminal
from tests.training.at_a_step import At


def test_a_run_is_shown_on_the_stderr_of_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []
    for _ in range(2):  # the one of an earlier run is closed by then
        with io.StringIO() as stream:
            monkeypatch.setattr(sys, "stderr", stream)
            shown = Terminal()
            shown.start(1)
            shown.show(1, {"loss": 0.5})
            shown.close()
            texts.append(stream.getvalue())
    assert all("0.5" in text for text in texts)


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass only when they are set."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def lines_of(monkeypatch: pytest.MonkeyPatch, shows: list[tuple[float, int]], steps: int) -> list[str]:
    """What is written to a log, which is no terminal, at these seconds and steps."""
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    stream = io.StringIO()
    shown = Terminal(stream)
    shown.start(steps)
    for clock.now, step in shows:
        shown.show(step, {"total": 1.23456, "kl": 2e-7})
    shown.close()
    return stream.getvalue().splitlines()


def test_a_log_gets_a_line_each_ten_seconds_and_one_for_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    shows = [(9.9, 1), (10.0, 2), (19.9, 3), (20.0, 4), (20.1, 5), (20.2, 6)]
    assert lines_of(monkeypatch, shows, steps=6) == [
        "step 2/6  total=1.235 kl=2e-07  0:20 left",
        "step 4/6  total=1.235 kl=2e-07  0:10 left",
        "step 6/6  total=1.235 kl=2e-07",
    ]


def test_a_log_counts_from_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clock, "now", 1000.0)  # a machine that has been up for long
    assert lines_of(monkeypatch, [(1009.9, 1), (1010.0, 2)], steps=9) == ["step 2/9  total=1.235 kl=2e-07  0:35 left"]


def test_a_log_is_looked_at_more_often_than_it_is_written_and_a_terminal_five_times_a_second() -> None:
    assert Terminal(io.StringIO()).interval == 2.5
    assert Terminal(Screen()).interval == 0.2
    assert progress.Silent().interval == 0.5


def test_a_bar_is_at_the_step_it_was_last_shown_and_has_its_terms() -> None:
    screen = Screen()
    shown = Terminal(screen)
    shown.start(8)
    shown.show(3, {"total": 1.5})
    shown.show(8, {"total": 0.25})
    shown.close()
    first, last = (screen.getvalue().rfind(text) for text in ("3/8", "8/8"))
    assert -1 < first < last
    assert "total=1.5" in screen.getvalue()
    assert "total=0.25" in screen.getvalue()
    assert screen.getvalue().endswith("\n")


def test_a_bar_counts_steps_and_a_line_of_a_log_is_written_at_once() -> None:
    class Stream(io.StringIO):
        tty, flushed = True, 0

        def isatty(self) -> bool:
            return self.tty

        def flush(self) -> None:
            self.flushed += 1

    bar, log = Stream(), Stream()
    log.tty = False
    for stream in (bar, log):
        shown = Terminal(stream)
        shown.start(4)
        before = stream.flushed
        shown.show(4, {"loss": 0.5})
        assert stream.flushed > before
        shown.close()
    assert "step/s" in bar.getvalue() or "s/step" in bar.getvalue()


def test_a_terminal_gets_a_line_for_each_epoch_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    for stream, lines in ((Screen(), 1), (io.StringIO(), 0)):
        clock.now = 0.0
        shown = Terminal(stream)
        shown.start(4000)
        clock.now = 10.0
        shown.epoch(1, 40, 100, {"total": 1.5}, {"total": 1.75})
        shown.close()
        line = "epoch 1/40  total=1.5  validation: total=1.75  10 steps/s  6:30 left"
        assert stream.getvalue().count(line) == lines


def test_a_run_that_goes_on_has_the_rate_of_its_own_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    pace = progress.Pace(36_000 + 500)
    pace.first = 400
    clock.now = 50.0
    assert pace.rate(500) == 2.0
    assert pace.left(500) == "5:00:00 left"
    clock.now = 0.0
    assert pace.left(500) == ""
    screen = Screen()
    shown = Terminal(screen)
    shown.start(8)
    shown.resumed(6)
    shown.show(7, {})
    shown.close()
    assert shown._bar.n == 7  # type: ignore[attr-defined]
    assert shown._bar.initial == 6  # type: ignore[attr-defined]


def test_the_loop_says_of_each_epoch_what_it_was_and_of_a_run_that_goes_on_where(tmp_path: Path) -> None:
    class Noting(progress.Silent):
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def resumed(self, step: int) -> None:
            self.calls.append(step)

        def epoch(self, epoch: int, epochs: int, step: int, train: Any, validation: Any) -> None:
            self.calls.append((epoch, epochs, step, train["total"], validation["total"]))

    data = {"type": "gaussian", "n": 60, "eigenvalues": [2.0, 1.0, 0.5, 0.1]}
    spec = {"name": "noted", "input": [4], "latent": {"type": "deterministic", "dim": 2}, "data": data}
    spec["training"] = {"epochs": 3, "batch_size": 16}
    noting = Noting()
    run = aezoo.train(spec, progress=noting)
    totals = {(record["step"], record["split"]): record["total"] for record in run.history}
    assert noting.calls == [
        (epoch, 3, step, totals[step, "train"], totals[step, "validation"]) for epoch, step in ((1, 3), (2, 6), (3, 9))
    ]
    with pytest.raises(Interrupted):
        aezoo.train(spec, out=tmp_path / "out", progress=At(4, lambda: signal.raise_signal(signal.SIGTERM)))
    again = Noting()
    aezoo.resume(tmp_path / "out", progress=again)
    assert again.calls == [4, *noting.calls[1:]]
