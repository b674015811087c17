"""When states are kept: spaced so that their cost stays a small share; what cannot be written ends no run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from aezoo.errors import CheckpointWarning, RunFailed
from aezoo.storage.checkpoints import Checkpoints
from aezoo.training.history import History
from aezoo.training.states.checkpointing import Keeper, Spacing

FACTS = {"run": {}, "conditions": {}, "exact": True, "resumed": []}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Store(Checkpoints):
    """Takes so many seconds to write a state."""

    def __init__(self, folder: Path, clock: Clock, seconds: float) -> None:
        super().__init__(folder)
        self.clock, self.seconds, self.fails = clock, seconds, False

    def write(self, *state: Any) -> None:
        self.clock.now += self.seconds
        if self.fails:
            raise RunFailed("no room")
        super().write(*state)


def made(folder: Path, *, seconds: float = 0.1, **settings: Any) -> tuple[Keeper, Store, Clock]:
    clock = Clock()
    store = Store(folder, clock, seconds)
    return Keeper(store, settings.pop("history", History()), lambda: FACTS, clock=clock, **settings), store, clock


STATE = {"objective": {"w": torch.zeros(2)}}


def test_the_first_state_is_kept_after_half_a_minute(tmp_path: Path) -> None:
    keeper, _, clock = made(tmp_path)
    clock.now += 29.9
    assert not keeper.due(5)
    clock.now += 0.2
    assert keeper.due(5)


def test_a_state_that_is_thought_to_take_long_is_kept_later(tmp_path: Path) -> None:
    keeper, _, clock = made(tmp_path, estimate=2.0)
    clock.now += 199.0
    assert not keeper.due(5)
    clock.now += 2.0
    assert keeper.due(5)


@pytest.mark.parametrize(("seconds", "pause"), [(0.1, 30.0), (0.3, 30.0), (0.5, 50.0), (4.0, 400.0)])
def test_states_take_a_hundredth_of_the_time_at_most(tmp_path: Path, seconds: float, pause: float) -> None:
    keeper, _, clock = made(tmp_path, seconds=seconds)
    keeper.save((5, 0), STATE)
    clock.now += pause - 0.01
    assert not keeper.due(5)
    clock.now += 0.02
    assert keeper.due(5)


def test_seconds_that_are_asked_for_are_kept_to(tmp_path: Path) -> None:
    keeper, _, clock = made(tmp_path, seconds=4.0, spacing=Spacing(7.0), estimate=99.0)
    clock.now += 7.5
    assert keeper.due(5)
    keeper.save((5, 0), STATE)
    clock.now += 6.5
    assert not keeper.due(5)


def test_steps_that_are_asked_for_are_kept_to_whatever_the_clock_says(tmp_path: Path) -> None:
    keeper, _, clock = made(tmp_path, seconds=4.0, spacing=Spacing(steps=3))
    clock.now += 1e6
    assert [step for step in range(1, 10) if keeper.due(step)] == [3, 6, 9]
    assert not keeper.due_at_epoch_end()
    keeper.save((9, 0), STATE)
    assert [step for step in range(10, 16) if keeper.due(step)] == [12, 15]


def test_steps_and_seconds_both_count(tmp_path: Path) -> None:
    keeper, _, clock = made(tmp_path, spacing=Spacing(7.0, 3))
    assert [step for step in range(1, 7) if keeper.due(step)] == [3, 6]
    clock.now += 7.5
    assert keeper.due(7)


def test_the_end_of_an_epoch_takes_a_state_sooner(tmp_path: Path) -> None:
    keeper, _, clock = made(tmp_path)
    clock.now += 9.9
    assert not keeper.due_at_epoch_end()
    clock.now += 0.2
    assert keeper.due_at_epoch_end()
    assert not keeper.due(5)
    keeper.save((5, 1), STATE)  # in 0.1 s, a hundredth of the ten
    clock.now += 9.9
    assert not keeper.due_at_epoch_end()
    clock.now += 0.2
    assert keeper.due_at_epoch_end()


@pytest.mark.parametrize("every", [0.0, 60.0])
def test_seconds_that_are_asked_for_hold_at_the_end_of_an_epoch_too(tmp_path: Path, every: float) -> None:
    keeper, _, clock = made(tmp_path, spacing=Spacing(every))
    clock.now += 59.0
    assert not keeper.due_at_epoch_end()


@pytest.mark.parametrize(("seconds", "pause"), [(0.05, 10.0), (0.2, 20.0), (4.0, 400.0)])
def test_at_the_ends_of_epochs_states_take_a_hundredth_of_the_time_at_most(
    tmp_path: Path, seconds: float, pause: float
) -> None:
    keeper, _, clock = made(tmp_path, seconds=seconds)
    keeper.save((5, 1), STATE)
    clock.now += pause - 0.01
    assert not keeper.due_at_epoch_end()
    clock.now += 0.02
    assert keeper.due_at_epoch_end()


def test_a_clock_that_was_set_back_or_forth_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper(Checkpoints(tmp_path), History(), lambda: FACTS)
    for now in (0.0, 4e9):  # the time of day
        monkeypatch.setattr("time.time", lambda now=now: now)
        assert not keeper.due(5)


def test_what_cannot_be_written_is_said_once_and_tried_again_in_its_time(tmp_path: Path) -> None:
    keeper, store, clock = made(tmp_path)
    store.fails = True
    with pytest.warns(CheckpointWarning, match="no checkpoint could be written after step 5: no room") as told:
        [keeper.save((step, 0), STATE) for step in (5, 6)]
    assert len(told) == 1
    assert not keeper.due(5)
    clock.now += 30.5
    assert keeper.due(5)
    store.fails = False
    keeper.save((7, 0), STATE)
    assert store.positions() == [(7, 0)]


def test_a_state_that_no_file_holds_is_said_once_and_not_tried_again(tmp_path: Path) -> None:
    keeper, _, clock = made(tmp_path)
    with pytest.warns(CheckpointWarning, match="this run cannot be resumed: odd: a object cannot be written"):
        keeper.save((5, 0), {"odd": object()})
    clock.now += 1e9
    assert not keeper.due(5)
    assert not keeper.due_at_epoch_end()


def test_a_state_that_no_file_holds_is_not_tried_again_at_steps_that_were_asked_for(tmp_path: Path) -> None:
    keeper, _, _ = made(tmp_path, spacing=Spacing(steps=5))
    with pytest.warns(CheckpointWarning, match="this run cannot be resumed"):
        keeper.save((5, 0), {"odd": object()})
    assert not keeper.due(10)


def test_a_state_says_how_far_the_records_had_grown(tmp_path: Path) -> None:
    keeper, store, _ = made(tmp_path, history=History(tmp_path / "h.jsonl"))
    keeper.history.add({"step": 1, "total": math.inf})
    keeper.save((1, 0), STATE)
    keeper.history.add({"step": 2})  # in no state
    keeper.history.close()
    newest, _ = store.newest()
    assert newest is not None
    assert newest.facts["history"]["length"] == len('{"step": 1, "total": Infinity}\n')
    assert newest.facts["exact"] is True


def test_records_that_broke_off_are_made_whole_before_a_state_speaks_of_them(tmp_path: Path) -> None:
    keeper, _, _ = made(tmp_path, history=History(tmp_path / "h.jsonl"))
    keeper.history.add({"step": 1})
    keeper.history._broken = True
    keeper.history.add({"step": 2})
    keeper.save((2, 0), STATE)
    keeper.history.add({"step": 3})
    assert (tmp_path / "h.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3}\n'
    assert not keeper.history.broken
    keeper.history.close()
