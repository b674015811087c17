"""Checkpointing: when the state of a run is kept, at what cost, and what is noted beside it."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from aezoo.errors import CheckpointWarning, RunFailed
from aezoo.storage.checkpoints import Checkpoints, Position
from aezoo.training.history import History
from aezoo.training.states.state import UnknownState, flattened

#: Seconds before the first state is kept, and at least between two.
INTERVAL = 30.0
#: Seconds after which the end of an epoch takes a state that is cheap: what goes on from there repeats no step of it.
EPOCH_INTERVAL = 10.0
#: At most this share of a run's time goes into keeping its states.
SHARE = 0.01
#: Bytes a second, that states are written and samples are hashed at: low guesses, until a state was written.
WRITTEN, HASHED = 200e6, 800e6

Facts = dict[str, Any]


class StateKeeper(Protocol):
    """Keeps the state of a run, so that it can go on after it was stopped.

    Attributes:
        keeps_last: Whether the state after the last step is kept, too, so that a longer run can go on from it.
    """

    keeps_last: bool

    def due(self, step: int) -> bool:
        """Whether it is time to keep the state; asked after each step."""
        ...

    def due_at_epoch_end(self) -> bool:
        """The same, asked after each epoch but the last."""
        ...

    def save(self, position: tuple[int, int], state: dict[str, Any]) -> None:
        """Keep the state at a position: the steps and the epochs done."""
        ...


class Spacing(NamedTuple):
    """How far the states of a run lie apart; with neither number, as near as keeps their cost low.

    Attributes:
        seconds: Between two.
        steps: Between two; without `seconds` no clock asks for more.
    """

    seconds: float | None = None
    steps: int | None = None


#: As near as keeps their cost low.
CHEAP = Spacing()


class Keeper:
    """Keeps the states of a run in its folder: spaced in time, so that what they cost is a small share of it.

    A state that cannot be written ends no run: a warning says so once, and the next one is tried in its time.

    Args:
        store: Of the run's folder.
        history: Of the run: a state says how far it had grown.
        facts: Gives what is noted beside a state; called when the first is kept.
        spacing: Of the states.
        estimate: Seconds that the first is thought to take.
        keeps_last: Whether the state after the last step is kept, too.
        clock: Gives seconds.
    """

    def __init__(
        self,
        store: Checkpoints,
        history: History,
        facts: Callable[[], Facts],
        *,
        spacing: Spacing = CHEAP,
        estimate: float = 0.0,
        keeps_last: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.history = history
        self.spacing = spacing
        self.keeps_last = keeps_last
        self._facts = facts
        self._noted: Facts | None = None
        self._clock = clock
        self._warned = False
        self._next = self._next_at_epoch_end = 0.0
        self._hopeless = False
        self._wait(estimate)

    def due(self, step: int) -> bool:
        """Whether it is time for a state, after so many steps."""
        if self.spacing.steps is not None and step % self.spacing.steps == 0:
            return not self._hopeless
        return self._clock() >= self._next

    def due_at_epoch_end(self) -> bool:
        """Whether a state is worth its time after an epoch, which costs no step of it if the run goes on from there."""
        return self._clock() >= self._next_at_epoch_end

    def save(self, position: tuple[int, int], state: dict[str, Any]) -> None:
        """Keep a state, if it can be written."""
        started = self._clock()
        try:
            self._write(Position(*position), state)
        except UnknownState as error:
            self._warn(f"this run cannot be resumed: {error}")
            self._hopeless = True
            self._next = self._next_at_epoch_end = math.inf
            return
        except (RunFailed, OSError) as error:
            self._warn(f"no checkpoint could be written after step {position[0]}: {error}")
        self._wait(self._clock() - started)

    def forget_after(self, position: Position) -> None:
        """Remove the states from this position on: the run went back to it, and goes another way."""
        self.store.remove_from(position)

    def _write(self, position: Position, state: dict[str, Any]) -> None:
        document, tensors = flattened(state)
        if self._noted is None:
            self._noted = self._facts()
        # The records first: a state must not speak of some that a power cut takes.
        mark = self.history.mark()
        self.store.write(position, document, tensors, {**self._noted, "history": mark._asdict()})

    def _wait(self, cost: float) -> None:
        """Put off the next state after one that took so many seconds."""
        now = self._clock()
        if self.spacing != CHEAP:  # as asked for, and no others
            self._next = now + (math.inf if self.spacing.seconds is None else self.spacing.seconds)
            self._next_at_epoch_end = math.inf
            return
        self._next = now + max(INTERVAL, cost / SHARE)
        self._next_at_epoch_end = now + max(EPOCH_INTERVAL, cost / SHARE)

    def _warn(self, message: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(CheckpointWarning(message), stacklevel=2)
