"""Good states: what a run needs to go back when its loss is not finite, and what it has changed by doing so.

Copies of the state are kept at every hundredth step, so that where the run goes back to follows from the step alone: a
run that was killed and goes on takes the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aezoo.training.states.state import copied

#: Steps between two copies. The run goes back at least so far, where it is so old.
EVERY = 100
#: Copies that are kept: the newest may have been taken when the weights were lost already.
KEPT = 2
#: What is taken of the rate when the run goes back, and how often it may.
SLOWER, MOST = 0.5, 3


class GoodState(NamedTuple):
    """A copy of the state of a run, whose losses were finite.

    Attributes:
        state: As `Loop.state()` gives it, without this recovery.
        records: How many records the history had.
    """

    state: dict[str, Any]
    records: int

    @property
    def step(self) -> int:
        """The steps that were done."""
        step: int = self.state["position"]["step"]
        return step


class Recovery:
    """How a run goes back.

    Attributes:
        states: Copies of its state, the oldest first.
        share_of_rate: What is taken of every rate.
        left_out: Steps whose batches are not learnt from.
        events: Each time that it went back, for the record.
    """

    def __init__(self) -> None:
        self.states: list[GoodState] = []
        self.share_of_rate = 1.0
        self.left_out: set[int] = set()
        self.events: list[dict[str, Any]] = []

    def keep(self, state: Mapping[str, Any], records: int) -> None:
        """Keep a copy of a state; the best weights in it are a copy already."""
        parts = {name: part for name, part in state.items() if name not in ("best", "recovery")}
        good = GoodState({**copied(parts), "best": state["best"]}, records)
        self.states = [*self.states, good][-KEPT:]

    @property
    def exhausted(self) -> bool:
        """Whether the run went back as often as it may."""
        return len(self.events) >= MOST

    def before(self, step: int) -> GoodState:
        """Where the run goes back to from a step, counted from 0, in which it failed."""
        return next((good for good in reversed(self.states) if good.step <= step - EVERY), self.states[0])

    def go_back(self, good: GoodState, step: int, *, cause: str, leave_out: bool) -> dict[str, Any]:
        """Note that the run goes back to a state from a step, and change what it does from there on.

        Args:
            good: Where it goes back to.
            step: In which it failed, counted from 0.
            cause: In words.
            leave_out: Whether the batch of that step is left out; else every rate is lowered.

        Returns:
            What the record says of it.
        """
        if leave_out:
            self.left_out.add(step)
            change = f"without the batch of step {step + 1}"
        else:
            self.share_of_rate *= SLOWER
            change = f"at {self.share_of_rate:g} of the rate"
        self.states = [kept for kept in self.states if kept.step <= good.step]
        self.events.append({"step": step + 1, "to": good.step, "change": change, "cause": cause})
        return self.events[-1]

    def state(self) -> dict[str, Any]:
        """All of it, for a file."""
        states = [{"state": good.state, "records": good.records} for good in self.states]
        left_out = sorted(self.left_out)
        return {"states": states, "share": self.share_of_rate, "left_out": left_out, "events": self.events}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.states = [GoodState(good["state"], good["records"]) for good in state["states"]]
        self.share_of_rate, self.left_out = state["share"], set(state["left_out"])
        self.events = [*state["events"]]
