"""Rollback: a loss that is not finite: where it began is named; the run stops, or goes back and on from there."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from aezoo.data.batches import Rows
from aezoo.errors import AezooError, DivergenceWarning, RunFailed
from aezoo.spec.samples import Samples
from aezoo.storage.checkpoints import Position
from aezoo.training.distributed.ranks import explained
from aezoo.training.loop import Loop
from aezoo.training.nonfinite.detection import WAYS_OUT
from aezoo.training.nonfinite.first_fault import Fault, first_fault, spoils
from aezoo.training.nonfinite.good_states import Recovery
from aezoo.training.outcome import Outcome
from aezoo.training.states.checkpointing import Keeper

#: Samples of a batch that a message names.
NAMED = 5


class Steps:
    """The steps of a run, to its end: through losses that are not finite, where the spec says so.

    Args:
        loop: At its state.
        again: Makes a loop at the newest state that is kept of the run, or at its beginning, to repeat steps with.
        keeper: Keeps the states of the run.
        samples: All of them, for their names.
        rows: Of the training split.
    """

    def __init__(
        self, loop: Loop, again: Callable[[], Loop], keeper: Keeper | None, samples: Samples, rows: Rows
    ) -> None:
        self.loop = loop
        self._again = again
        self._keeper = keeper
        self._samples = samples
        self._rows = rows

    def after(self, outcome: Outcome) -> Outcome:
        """Go back and on again, as often as the spec lets it, where a run ended in a loss that is not finite."""
        while outcome.stop_reason == "not finite":
            recovery = self.loop.recovery
            fault = self._fault(outcome.step)
            if recovery is None or recovery.exhausted or self.loop.stop.requested:
                outcome.failure = self._failure(outcome.failure, fault)
                break
            self._go_back(recovery, fault, outcome)
            outcome = self.loop.run()
        return outcome

    def _fault(self, until: int) -> Fault | None:
        """Where it began; None if it is not known."""
        recovery = self.loop.recovery
        try:
            return first_fault(self._rewound if recovery else self._again, until, lambda: self.loop.stop.requested)
        except (AezooError, RuntimeError, MemoryError, OSError) as error:
            if self.loop.ranks and not isinstance(error, AezooError):  # the others would wait for this process
                raise explained(error) from error
            return None  # it serves a message: the run has ended without it

    def _rewound(self) -> Loop:
        """The loop at the oldest state that it can go back to."""
        recovery = self.loop.recovery
        assert recovery is not None
        self.loop.restore(recovery.states[0].state)
        return self.loop

    def _go_back(self, recovery: Recovery, fault: Fault | None, outcome: Outcome) -> None:
        """Bring the loop to an earlier state, with a lower rate, or without the batch that fails there, too."""
        failed = outcome.step - 1 if fault is None else fault.step
        good = recovery.before(failed)
        self.loop.restore(good.state)
        leave_out = fault is not None and not fault.validation and spoils(self.loop, fault)
        self.loop.restore(good.state)
        cause = self._cause(fault) or str(outcome.failure)
        event = recovery.go_back(good, failed, cause=cause, leave_out=leave_out)
        self.loop.slow_down()
        self.loop.outcome.seconds = outcome.seconds
        if self._keeper:  # before the records: a state speaks of those that it knows
            self._keeper.forget_after(Position(good.step, self.loop.outcome.epoch))
        self.loop.history.cut(good.records)
        message = f"the loss turned not finite in step {event['step']}: back to step {good.step}, {event['change']}"
        warnings.warn(DivergenceWarning(f"{message}; {cause}"), stacklevel=2)

    def _failure(self, failure: Exception | None, fault: Fault | None) -> Exception | None:
        recovery = self.loop.recovery
        tried = f" after it went back {len(recovery.events)} times" if recovery and recovery.events else ""
        if fault is None:
            return failure
        where = f"step {fault.step + 1}, batch {fault.batch + 1} of epoch {fault.epoch + 1}"
        where = f"in the validation after {where}" if fault.validation else f"in {where}"
        terms = f": {fault.terms}" if fault.terms else ""
        hint = WAYS_OUT if recovery is None else WAYS_OUT.rpartition(", or ")[0].replace(", --set", " or --set")
        return RunFailed(f"the loss turned not finite {where}{tried}{terms}; {self._cause(fault)}", hint=hint)

    def _cause(self, fault: Fault | None) -> str:
        if fault is None:
            return ""
        if not fault.rows:
            return fault.cause
        order = self.loop.batches.parts(fault.epoch, self.loop.training.batch_size, self.loop.training.seed)
        rows = [int(self._rows[int(order[fault.batch][row])]) for row in fault.rows[:NAMED]]
        more = f" and {len(fault.rows) - NAMED} more" if len(fault.rows) > NAMED else ""
        return f"{fault.cause}; rows of {', '.join(map(self._samples.name, rows))}{more}"
