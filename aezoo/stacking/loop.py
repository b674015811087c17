"""The loop of a stack: the steps, epochs and validations of runs of equal shape, each step one pass for all.

Each run stays a `Loop`: its meters, records, best weights, patience and states are its own, and it can go on alone from
wherever the stack was left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch

from aezoo.data.batches import Batch
from aezoo.errors import Interrupted, RunFailed
from aezoo.spec.kinds import OptimizerSpec
from aezoo.stacking.meters import StackedMeter
from aezoo.stacking.optimizers import StackedOptimizers
from aezoo.stacking.passes import StackedPass
from aezoo.stacking.stack import Stack
from aezoo.training.loop import Loop
from aezoo.training.meter import Means, Meter
from aezoo.training.nonfinite.detection import NotFinite
from aezoo.training.progress import Progress, RefreshTimer
from aezoo.training.signals import Stop


class StackedLoop:
    """Runs as one, from the step that all of them are at.

    Args:
        loops: Of each run, of equal length and batches; checked by `aezoo.stacking.facts`.
        tables: What the optimizer of each is built from.
        progress: Is shown the mean of the losses now and then.
        stop: Whether the user asked to stop.
    """

    def __init__(
        self, loops: Sequence[Loop], tables: Sequence[OptimizerSpec], *, progress: Progress, stop: Stop
    ) -> None:
        self.loops = list(loops)
        self.progress = progress
        self.stop = stop
        self.steps = loops[0].steps
        self._tables = dict(zip(map(id, loops), tables, strict=True))
        self._ended: set[int] = set()
        self._saved_at_signal = False
        self._started = time.monotonic()
        for loop in loops:
            _ = loop.outcome  # with the weights that it starts from
        self._stack([*loops])

    def run(self) -> None:
        """Train all to their ends; the outcome of each loop then says how it went."""
        self._started = time.monotonic()
        self.progress.start(self.steps)
        timer = RefreshTimer(self.progress)
        try:
            with self.stop.deferred(), torch.enable_grad():
                while self._live and (self.meter.count or not self.over):
                    self._epoch(timer)
                self._save_at_signal()
        finally:
            self.optimizers.release()
            self.progress.close()
            for loop in self.loops:
                loop.history.close()
        for loop in self._live:
            self._end(loop, "interrupted", Interrupted(f"interrupted after step {loop.step} of {loop.steps}"))

    @property
    def step(self) -> int:
        """Steps done."""
        return self._stacked[0].step

    @property
    def over(self) -> bool:
        """Whether there are no steps to come."""
        return self.step >= self.steps or self.stop.requested

    @property
    def _live(self) -> list[Loop]:
        """The runs that have not ended."""
        return [loop for loop in self._stacked if id(loop) not in self._ended]

    def _stack(self, loops: list[Loop]) -> None:
        self._stacked = loops
        objectives = [loop.objective for loop in loops]
        self.stack = Stack(objectives)
        self.passes = StackedPass(self.stack, [loop.streams for loop in loops])
        players = [loop.players[0] for loop in loops]
        self.optimizers = StackedOptimizers(self.stack, players, [self._tables[id(loop)] for loop in loops])
        self._weighted = [frozenset(o.terms.weights_of(o.players[0])) for o in objectives]
        self.meter = StackedMeter([player.meter for player in players], self._weighted)
        self.meter.take()

    def _epoch(self, timer: RefreshTimer) -> None:
        epoch = self._live[0].outcome.epoch  # one that has ended goes on in the stack, and nothing of it is kept
        ways = [loop.epoch_batches(epoch) for loop in self._stacked]
        for batches in () if self.over else zip(*ways, strict=True):
            self._step(batches)
            self._after_step(timer)
            if self.over:
                break
        self._save_at_signal()
        self._finish_epoch()

    def _step(self, batches: Sequence[Batch]) -> None:
        step = self.step
        losses = self.passes.losses(batches, "train", step, step, 0)
        gradients = self.passes.gradients(losses)
        self.meter.add(losses)
        self.optimizers.step(gradients, step)
        for loop in self._stacked:
            loop.advance()

    def _after_step(self, timer: RefreshTimer) -> None:
        if timer.due() or self.step == self.steps:
            self._show()
        logging = [loop for loop in self._live if self.step % loop.training.log_every == 0]
        if logging:
            self.meter.read()
        for loop in logging:
            with self._ending_if_not_finite(loop):
                loop.log()
        if any(loop.checkpoints and loop.checkpoints.due(loop.step) for loop in self._live):
            self._save()

    def _show(self) -> None:
        """Show the means of the terms over all runs, of the terms that all of them have."""
        self.meter.read()
        means = [loop.means() for loop in self._live]
        names = [name for name in means[0] if all(name in each for each in means)] if means else []
        self.progress.show(self.step, {name: sum(each[name] for each in means) / len(means) for name in names})

    def _save_at_signal(self) -> None:
        """Keep the states once a signal came, before an epoch that it cut short is read as if it were whole."""
        if self.stop.requested and not self._saved_at_signal:
            self._saved_at_signal = True
            self._save()

    def _save(self) -> None:
        """Keep the state of each run, as it would be of one alone."""
        self.meter.read()
        self.optimizers.release()
        for loop in self._live:
            with self._ending_if_not_finite(loop):
                loop.save()
        self.optimizers.take()

    def _finish_epoch(self) -> None:
        """End of an epoch: read the means, validate, keep the weights of those that are the best so far."""
        if not self.meter.count:
            return
        validated = self._validated()
        self.meter.read()
        for loop, means in zip(self._stacked, validated, strict=True):
            if id(loop) in self._ended:
                continue
            with self._ending_if_not_finite(loop):
                loop.end_epoch(means)
                if loop.early_stopping.exhausted:
                    self._end(loop, "patience")
                elif self.step >= self.steps:
                    self._end(loop, "finished")
        self.meter.clear()
        live = self._live
        if live and 2 * len(live) <= len(self._stacked):  # the others are computed for nothing
            self.optimizers.release()
            for loop in self._stacked:
                loop.players[0].meter.clear()
            self._stack(live)

    @torch.no_grad()
    def _validated(self) -> list[Means | None]:
        """The means over the validation split of each run, as `Loop.validate` has them."""
        loops = self._stacked
        splits = [loop.validation for loop in loops if loop.validation is not None]
        if len(splits) < len(loops):
            return [None] * len(loops)
        meter = StackedMeter([Meter() for _ in loops], self._weighted)
        with ExitStack() as averages:
            for loop in loops:
                averages.enter_context(loop.averaged())
                loop.objective.eval()
            size = loops[0].training.batch_size
            for i, batches in enumerate(zip(*(split.sequential(size) for split in splits), strict=True)):
                meter.add(self.passes.losses(batches, "validation", self.steps, i, 0), rows=batches[0].rows)
            for loop in loops:
                loop.objective.train()
        meter.read()
        return [each.means() for each in meter.meters]

    @contextmanager
    def _ending_if_not_finite(self, loop: Loop) -> Iterator[None]:
        """End a run whose losses are not finite; the others go on."""
        try:
            yield
        except NotFinite as error:
            self._end(loop, "not finite", loop.not_finite(error))

    def _end(self, loop: Loop, reason: str, failure: RunFailed | Interrupted | None = None) -> None:
        self._ended.add(id(loop))
        outcome = loop.outcome
        outcome.stop_reason, outcome.failure, outcome.step = reason, failure, loop.step
        outcome.seconds += time.monotonic() - self._started
