"""Stops: a run of a spec is stopped after each of its steps, and must go on to the same bits.

    assert faults_of_stops(spec) == []

One run is never stopped; its state is taken after each step. For each of these states a new run is made, is given that
state, and runs to its end: weights, history and all else that a run leaves are compared bit by bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from aezoo.reading.reader import Source, read
from aezoo.spec.document import Spec
from aezoo.training.history import History
from aezoo.training.loop import Loop
from aezoo.training.outcome import Outcome
from aezoo.training.setup import Setup, assemble, set_up
from aezoo.training.signals import Stop
from aezoo.training.states.checkpointing import StateKeeper
from aezoo.training.states.state import flattened, rebuilt


class Kept(NamedTuple):
    """The state of a run after some step, as a file holds it."""

    position: tuple[int, int]
    document: str
    tensors: dict[str, Tensor]
    records: list[dict[str, Any]]


class _Keeper(StateKeeper):
    """Keeps the state after every step, and again once an epoch is read."""

    keeps_last = False

    def __init__(self, history: History) -> None:
        self.history = history
        self.kept: list[Kept] = []

    def due(self, step: int) -> bool:
        return True

    def due_at_epoch_end(self) -> bool:
        return True

    def save(self, position: tuple[int, int], state: dict[str, Any]) -> None:
        document, tensors = flattened(state)
        copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        self.kept.append(Kept(position, json.dumps(document), copies, [*self.history.records]))


def faults_of_stops(source: Spec | Source, data: Any = None, *, every: int = 1) -> list[str]:
    """What differs between a run that was never stopped and those that were, a line each; empty if nothing does.

    Args:
        source: A spec of few steps: after each of them a run begins.
        data: As `aezoo.train` takes them; None for the spec's own.
        every: Stops only at every so many steps.
    """
    spec = source if isinstance(source, Spec) else read(source)
    setup = set_up(spec, data)
    history = History()
    keeper = _Keeper(history)
    loop = assemble(spec, setup, history, None, Stop(), keeper)[1]
    whole = loop.run()
    if not keeper.kept:
        return ["the run has no steps"]
    return [fault for kept in keeper.kept[::every] for fault in _faults(spec, setup, kept, loop, whole)]


def _faults(spec: Spec, setup: Setup, kept: Kept, whole: Loop, outcome: Outcome) -> Iterator[str]:
    history = History()
    history.records += kept.records
    loop = assemble(spec, setup, history, None, Stop())[1]
    tensors = {name: tensor.clone() for name, tensor in kept.tensors.items()}
    loop.restore(rebuilt(json.loads(kept.document), tensors, setup.device.device))
    ended = loop.run()
    where = f"stopped after step {kept.position[0]}"
    for name, first, second in (
        ("weights", outcome.state, ended.state),
        ("auxiliary state", outcome.auxiliary_state, ended.auxiliary_state),
        ("last state", whole.objective.state_dict(), loop.objective.state_dict()),
    ):
        yield from (f"{where}: {name}: {key} differs" for key in _differing(first, second))
    if history.records != whole.history.records:
        yield f"{where}: its records differ"
    facts = [
        (each.stop_reason, each.step, each.epoch, each.best_step, repr(each.validation)) for each in (outcome, ended)
    ]
    if facts[0] != facts[1]:
        yield f"{where}: it ended as {facts[1]}, not {facts[0]}"


def _differing(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> list[str]:
    names = first.keys() | second.keys()
    return sorted(name for name in names if not (name in first and name in second and _same(first[name], second[name])))


def _same(first: Tensor, second: Tensor) -> bool:
    """Bit by bit: NaN equals itself, and 0 is not -0."""
    alike = first.shape == second.shape and first.dtype == second.dtype
    return alike and first.numpy().tobytes() == second.numpy().tobytes()
