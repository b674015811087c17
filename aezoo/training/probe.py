"""Probe: how long a pass of a model takes by each of several arithmetics, on a copy, before a run begins.

Nothing of the run is touched: the weights are drawn anew, no random stream is moved, the samples are those of
`Batches.head`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import NamedTuple

import torch
from torch import Tensor

from aezoo.building.builder import build, objective_of
from aezoo.data.batches import Batches
from aezoo.spec.document import Spec
from aezoo.training.arithmetic import Arithmetic
from aezoo.training.setup import fit_moments
from aezoo.training.states.state import module_state, restore_module
from aezoo.training.step import Streams

#: Passes of each candidate, of which the first warms up; samples of one, at least.
PASSES, LEAST = 4, 8
#: Seconds that all passes are to take, if all were as fast as plain ones.
SECONDS = 0.5
#: Share by which the loss of a pass may be off that of float32: beyond, something of the model needs all digits.
CLOSE = 0.05


class Measured(NamedTuple):
    """What was found of a candidate.

    Attributes:
        seconds: Of the fastest pass, forward and backward; None where it cannot be used.
        rows: Samples in a pass.
        fault: Why not.
    """

    seconds: float | None
    rows: int
    fault: str = ""

    def __str__(self) -> str:
        return f"{1e3 * self.seconds:.3g} ms" if self.seconds is not None else self.fault


def measure(
    spec: Spec,
    batches: Batches,
    candidates: Sequence[Arithmetic],
    rows: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Arithmetic, Measured]:
    """Time passes by each candidate, in turns.

    Args:
        spec: What is trained.
        batches: The training split.
        candidates: The plain one first: the losses of all others are held to its.
        rows: Samples of a pass, at most.
        clock: Seconds.
    """
    plain = candidates[0]
    with _random_streams_kept(batches.device), torch.enable_grad():
        passes = _Passes(spec, batches, rows, clock)
        try:
            passes.shorten(plain, SECONDS / (PASSES * len(candidates)))
        except Exception as error:  # the run itself will say what is wrong
            return {plain: Measured(None, rows, _left_out(error))}
        losses, faults = dict[Arithmetic, float](), dict[Arithmetic, str]()
        seconds: dict[Arithmetic, list[float]] = {one: [] for one in candidates}
        for _ in range(PASSES):
            for one in (one for one in candidates if one not in faults):
                try:
                    losses[one], took = passes.timed(one)
                except Exception as error:  # a part may raise what it likes where it knows no such type
                    faults[one] = _left_out(error)
                    continue
                seconds[one].append(took)
                if not abs(losses[one] - losses[plain]) <= CLOSE * abs(losses[plain]):
                    faults[one] = _left_out(f"its loss is {losses[one]:.4g}, not {losses[plain]:.4g}")
    return {
        one: Measured(None if one in faults else min(seconds[one][1:]), passes.batch.rows, faults.get(one, ""))
        for one in candidates
    }


def _left_out(reason: object) -> str:
    return f"left out: {(str(reason) or type(reason).__name__).splitlines()[0][:80]}"


@contextmanager
def _random_streams_kept(device: torch.device) -> Iterator[None]:
    """Within, torch's generators may be seeded and drawn from: after it they are where they were."""
    if device.type == "cpu":
        with torch.random.fork_rng(devices=[]):
            yield
        return
    with torch.random.fork_rng(devices=[device], device_type=device.type):
        yield


class _Passes:
    """Passes over a model of its own, with all turns of its players, and no step of an optimizer."""

    def __init__(self, spec: Spec, batches: Batches, rows: int, clock: Callable[[], float]) -> None:
        self.batches, self.batch, self.clock = batches, batches.head(rows), clock
        self.device = device = batches.device
        model = build(spec).to(device)
        if spec.input.normalize == "standardize":
            fit_moments(model.network, spec, self.batch)
        self.objective = objective_of(model, steps=1).to(device).train()
        self.streams = Streams(spec.training.seed, device, corrupts=len(self.objective.corruption) > 0)
        self.start = {name: value.clone() for name, value in module_state(self.objective).items()}
        self.inputs = {name: [*self.objective.parameters_of(name)] for name in self.objective.players}

    def shorten(self, arithmetic: Arithmetic, seconds: float) -> None:
        """Leave so many samples that a pass takes about so many seconds."""
        rows, few = self.batch.rows, min(LEAST, self.batch.rows)
        self.batch = self.batches.head(few)  # evenly spaced: the first ones may all be of one class
        _, took = min((self.timed(arithmetic) for _ in range(2)), key=itemgetter(1))
        self.batch = self.batches.head(max(few, min(rows, int(few * seconds / max(took, 1e-6)))))

    def timed(self, arithmetic: Arithmetic) -> tuple[float, float]:
        """The sum of the players' losses, and the seconds that all their passes took."""
        self._prepare(arithmetic)
        self._wait()
        begun = self.clock()
        totals = [self._passed(i, name) for i, name in enumerate(self.objective.players)]
        self._wait()
        took = self.clock() - begun
        return sum(float(total) for total in totals), took

    def _passed(self, position: int, player: str) -> Tensor:
        noise = self.streams.start("train", 0, position)
        losses = self.batch.losses(self.objective, player, 0, noise)
        with self.objective.rounded():
            losses.total.backward(inputs=self.inputs[player])
        total: Tensor = losses.total.detach()
        return total

    @torch.no_grad()
    def _prepare(self, arithmetic: Arithmetic) -> None:
        """Weights in their order in memory, without gradients; all values as they were."""
        arithmetic.set(self.objective)
        order = torch.channels_last if arithmetic.channels_last else torch.contiguous_format
        self.objective.model.to(memory_format=order)  # type: ignore[call-overload]
        for p in self.objective.parameters():
            p.grad = None
        restore_module(self.objective, self.start)

    def _wait(self) -> None:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
