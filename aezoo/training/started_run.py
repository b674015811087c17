"""A run that was started: how it begins or goes on, what holds its folder, and how it is ended.

started --StartedRun--> loop, rollback --Outcome--> save_trained: the weights --Trained--> finish: all that follows
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

from aezoo.building.builder import build, skeleton
from aezoo.data.sources import with_settings
from aezoo.errors import Interrupted, Resumable, UsageError
from aezoo.hardware.processes import several
from aezoo.model import Model
from aezoo.reading.text import to_toml
from aezoo.spec.document import Spec
from aezoo.storage.checkpoints import Checkpoint, Checkpoints
from aezoo.storage.writer import Writer, writing
from aezoo.trackers.choice import chosen
from aezoo.trackers.following import following
from aezoo.trackers.tracker import TrackedRun
from aezoo.training.distributed.agreement import Agreement
from aezoo.training.distributed.parts import whole
from aezoo.training.distributed.ranks import Ranks, joined
from aezoo.training.fast_precision import chosen as chosen_arithmetic
from aezoo.training.history import History
from aezoo.training.initial_weights import Start
from aezoo.training.loop import Loop
from aezoo.training.nonfinite.rollback import Steps
from aezoo.training.out_of_memory import advised, advising
from aezoo.training.outcome import Outcome
from aezoo.training.pass_size import as_chosen, as_kept
from aezoo.training.preview import PREVIEW
from aezoo.training.progress import Progress
from aezoo.training.record import record_of
from aezoo.training.results import Run, SavedWeights, Trained, evaluate_and_report, restore, save_weights
from aezoo.training.setup import Setup, assemble, set_up
from aezoo.training.signals import Stop, stoppable
from aezoo.training.states.checkpointing import HASHED, WRITTEN, Keeper, Spacing
from aezoo.training.states.conditions import conditions_of
from aezoo.training.states.resuming import (
    Past,
    Request,
    check_conditions,
    check_length,
    check_start,
    find,
    history_of,
    replicated,
    restore_loop,
    resumable,
)

T = TypeVar("T")

#: Numbers that a state has of a weight: itself, the best so far, two of an optimizer.
STATES_OF_A_WEIGHT = 4


class StartOptions(NamedTuple):
    """How a run begins in its folder.

    Attributes:
        resumes: Whether one that was stopped there goes on.
        force: Whether something else may be there.
        allow_inexact: Whether it may go on under other conditions.
        spacing: Of its states.
        keep_state: Whether its last state stays.
        start: The model whose weights it starts from.
        stacked: How many runs are trained as one with it; 0 for none. A run that was stacked does not go on alone to
            the same bits.
        preview: Whether reconstructions are drawn at each validation.
        track: The trackers that are asked for.
        shard: Whether each process keeps a part of the weights, of several.
    """

    resumes: bool
    force: bool
    allow_inexact: bool
    spacing: Spacing
    keep_state: bool
    start: Start | None = None
    stacked: int = 0
    preview: bool = False
    track: str | Sequence[str] | None = None
    shard: bool = False

    @property
    def conditions(self) -> dict[str, str]:
        """What the bits of the run depend on beside spec, data and machine."""
        facts = {"stacked": bool(self.stacked), "sharded": self.shard}
        return {name: "yes" for name, holds in facts.items() if holds}

    @property
    def record(self) -> dict[str, Any]:
        """What the record of the run says of it."""
        facts: dict[str, Any] = {"stacked": self.stacked, "sharded": self.shard}
        return {name: value for name, value in facts.items() if value}


class StartedRun(NamedTuple):
    """A run that is ready for its next step.

    Attributes:
        model: What it trains.
        loop: Its steps.
        steps: Repeats steps where a loss is not finite.
        setup: Its data and device.
        writer: Of its folder, which is locked.
        stop: Whether the user asked to stop.
        past: What lies behind it.
        asked: As it was asked for.
        options: How it began.
        agreement: Of the processes that share it, if there are several.
    """

    model: Model
    loop: Loop
    steps: Steps
    setup: Setup
    writer: Writer | None
    stop: Stop
    past: Past
    asked: Request
    options: StartOptions
    agreement: Agreement | None = None

    def ended(self, outcome: Outcome) -> Outcome:
        """How the run ended, once steps were repeated where its loss was not finite."""
        return self.steps.after(outcome)


@contextmanager
def started(
    asked: Request,
    out: str | Path | None,
    progress: Progress | None,
    options: StartOptions,
    stop: Stop | None = None,
) -> Iterator[StartedRun]:
    """A run at its first step, or at the one after which it was stopped, while its folder is held.

    Args:
        asked: What is trained.
        out: Its folder, or None.
        progress: Is shown the losses.
        options: How it begins.
        stop: Handles signals already; by default one that does so within.
    """
    trackers = chosen(options.track)
    if options.track and trackers and out is None:
        raise UsageError("track: trackers note in the run's folder what they have", hint="name a folder: out=...")
    with (
        nullcontext(stop) if stop else stoppable() as stop,
        joined(asked.device, shards=options.shard) as ranks,
        _output_writer(out, options, ranks) as writer,
        _hinting_at_resume(writer, stop, elsewhere=writer is None and out is not None) as checkpointed,
        ExitStack() as inner,
    ):
        checkpointed.by_this_run = options.resumes
        if writer and options.resumes:
            asked = asked._replace(spec=as_kept(asked.spec, writer.folder))
        checkpoint = _by_first(ranks, lambda: find(writer, asked.spec) if writer and options.resumes else None)
        if ranks and asked.spec.training.micro_batch == "auto":  # memory is not the same for each of them
            message = 'training.micro_batch = "auto" is chosen by one process alone'
            raise UsageError(message, hint="--set training.micro_batch=N says it for several")
        setup = set_up(*asked)
        asked = asked._replace(spec=as_chosen(asked.spec, setup.device.device))
        facts = checkpoint.facts if checkpoint else None
        choice = chosen_arithmetic(asked.spec, setup, facts, stacked=bool(options.stacked), ranks=ranks)
        setup = setup._replace(choice=choice)
        inner.enter_context(advising(asked.spec, setup.device.device))
        past, keeper, history = _by_first(
            ranks, lambda: _records_and_checkpoints(asked, setup, writer, checkpoint, options)
        ) or (Past(), None, History())
        checkpointed.by_this_run = True
        # Of several processes the first alone has read it.
        goes_on = ranks.told(past.checkpoint is not None) if ranks else past.checkpoint is not None
        with closing(history), _tracking(history, trackers, asked.spec, writer, goes_on=goes_on):
            if ranks and options.preview:
                raise UsageError("a preview is not drawn by several processes", hint="leave --preview out")
            picture = writer.folder / PREVIEW if writer and options.preview else None
            spec = with_settings(asked.spec, setup.samples)
            start = None if goes_on else options.start
            agreement = Agreement(ranks, stop, keeper) if ranks else None
            shown = None if ranks and not ranks.is_first else progress
            if choice and (note := getattr(shown, "note", None)):
                note(str(choice))
            model, loop = assemble(spec, setup, history, shown, stop, keeper, start, picture, agreement)
            _go_on(loop, past.checkpoint, ranks)
            if loop.checkpoints and start and not goes_on:  # what it starts from may be gone when it is to go on
                loop.checkpoints.save((0, 0), loop.state())

            def again() -> Loop:
                """A loop at the newest state that is kept, or at the beginning."""
                _, repeated = assemble(spec, setup, History(), None, stop, start=start, agreement=agreement)
                _go_on(repeated, _by_first(ranks, lambda: writer.checkpoints.newest()[0] if writer else None), ranks)
                return repeated

            after = Steps(loop, again, keeper, setup.samples, setup.rows["train"])
            yield StartedRun(model, loop, after, setup, writer, stop, past, asked, options, agreement)


def _go_on(loop: Loop, checkpoint: Checkpoint | None, ranks: Ranks | None) -> None:
    """Give a loop the state that the first process has read, in every process, if there is one."""
    if ranks:
        checkpoint = replicated(checkpoint, ranks)
    if checkpoint:
        # Of a sharded run each process takes its part of a state that lies in the memory of its machine.
        restore_loop(loop, checkpoint, torch.device("cpu") if ranks and ranks.shards else loop.batches.device)


def _tracking(
    history: History, trackers: Sequence[str] | None, spec: Spec, writer: Writer | None, *, goes_on: bool
) -> AbstractContextManager[None]:
    """Within, trackers get the records; of several processes, from the one that writes."""
    if writer is None:
        return nullcontext()
    run = TrackedRun(writer.folder.resolve().name, to_toml(spec.document()), writer.folder)
    return following(history.listeners, history.records, trackers, run, goes_on=goes_on)


def _by_first(ranks: Ranks | None, task: Callable[[], T]) -> T | None:
    """What a task gives in the process that writes; None in any other."""
    return ranks.of_first(task) if ranks else task()


@dataclass
class _Checkpointed:
    """Whether the states in the folder are those of this run, not of one that it is to replace."""

    by_this_run: bool = False


@contextmanager
def _hinting_at_resume(writer: Writer | None, stop: Stop, *, elsewhere: bool = False) -> Iterator[_Checkpointed]:
    """The error of a run that a signal stopped says how it goes on, where a state of it is kept.

    Args:
        writer: Of its folder.
        stop: Whether a signal came.
        elsewhere: Whether another process of the run keeps its states.
    """
    checkpointed = _Checkpointed()
    try:
        yield checkpointed
    except (KeyboardInterrupt, Interrupted) as error:
        stopped = resumable(writer, error) if stop.received and checkpointed.by_this_run else None
        if elsewhere and stop.requested:
            stopped = Resumable(str(error))
        if stopped is None:
            raise
        raise stopped from None


def _records_and_checkpoints(
    asked: Request, setup: Setup, writer: Writer | None, checkpoint: Checkpoint | None, options: StartOptions
) -> tuple[Past, Keeper | None, History]:
    """What lies behind the run, what keeps its states, and its records so far."""
    begun = Past(start=options.start.record(skeleton(asked.spec)) if options.start and not checkpoint else None)
    if writer is None:
        return begun, None, History()
    conditions = cache(
        lambda: conditions_of(asked.spec, setup.samples, setup.device.device, setup.threads) | options.conditions
    )
    # Of several processes each has a device of its own, of the same kind.
    device = setup.device.device.type if several() else setup.device.device
    noted = asked._replace(device=str(device), threads=setup.threads).document()
    noted |= {"shard": True} if options.shard else {}
    if checkpoint is None:
        past = begun
        writer.checkpoints.begin({**noted, "start": options.start.source} if options.start else noted)
        history = History(writer.history())
    else:
        per_epoch = setup.batches["train"].steps_per_epoch(asked.spec.training.batch_size)
        check_length(writer.folder, checkpoint, asked.spec, per_epoch)
        check_start(writer.folder, checkpoint.facts.get("start"), options.start)
        past = check_conditions(writer.folder, checkpoint, conditions(), allow_inexact=options.allow_inexact)
        writer.checkpoints.keep_up_to(checkpoint.position)
        history = history_of(writer, checkpoint)
        writer.checkpoints.note(noted)

    def facts() -> dict[str, Any]:
        setup.mapped_files.refuse_changed()  # the fingerprint would be of other samples than those of the steps before
        known = {"run": noted, "conditions": conditions(), "exact": past.exact, "resumed": list(past.steps)}
        known |= {"arithmetic": setup.choice.document()} if setup.choice else {}
        return {**known, **({"start": past.start} if past.start else {})}

    estimate = setup.samples.values.nbytes / HASHED + STATES_OF_A_WEIGHT * 4 * asked.spec.parameters / WRITTEN
    keeper = Keeper(
        writer.checkpoints,
        history,
        facts,
        spacing=options.spacing,
        estimate=estimate,
        keeps_last=options.keep_state,
    )
    return past, keeper, history


@contextmanager
def _output_writer(out: str | Path | None, options: StartOptions, ranks: Ranks | None) -> Iterator[Writer | None]:
    """The folder, locked; refused before any work if it exists, or another process writes to it.

    Of several processes of one run the first has it.
    """
    if out is None:
        yield None
        return
    with ExitStack() as stack:
        folder = writing(Path(out), force=options.force, resume=options.resumes)
        yield _by_first(ranks, lambda: stack.enter_context(folder))


def save_trained(started: StartedRun, outcome: Outcome) -> Trained:
    """Give the model its weights, and write them to disk before anything else is tried, signals included."""
    setup, writer, history = started.setup, started.writer, started.loop.history
    with started.stop.shielded():
        model, outcome = _put_together(started, outcome)
        if outcome.failure:
            outcome.failure = advised(outcome.failure, started.asked.spec, setup.device.device)
        restore(model, outcome)
        record = record_of(model.spec, outcome, setup.samples, setup.rows, device=setup.device, threads=setup.threads)
        record |= started.past.record | started.options.record
        record |= {"arithmetic": setup.choice.document()} if setup.choice else {}
        if started.loop.recovery and started.loop.recovery.events:
            record["rollbacks"] = started.loop.recovery.events
        if setup.findings:
            record["findings"] = [finding.as_dict() for finding in setup.findings]
        run = Run(model, record, None, history.records, writer.folder if writer else None, outcome.auxiliary_state)
        saved = _by_first(
            started.agreement.ranks if started.agreement else None, lambda: save_weights(run, outcome, writer)
        )
        return Trained(run, outcome, saved or SavedWeights(), history)


def _put_together(started: StartedRun, outcome: Outcome) -> tuple[Model, Outcome]:
    """The model, and the outcome with its whole weights: of a run that is sharded both are made anew."""
    if started.agreement is None or not started.agreement.ranks.shards:
        return started.model, outcome
    if outcome.stop_reason == "failed" and outcome.failure:  # in this process, and the others do not wait for it
        raise outcome.failure
    model = build(started.model.spec).to(started.setup.device.device)
    state, auxiliary_state = whole(outcome.state), whole(outcome.auxiliary_state)
    return model, replace(outcome, state=state, auxiliary_state=auxiliary_state)


def finish(started: StartedRun, trained: Trained) -> Run:
    """What follows the weights; once all of it is done the run has nothing to go on with."""
    if started.agreement:
        started.agreement.reach(started.loop.step)  # whether a signal came after the last step
    run = evaluate_and_report(trained, started.setup, started.writer, started.stop)
    if started.writer:
        _settle_checkpoints(started, started.writer.checkpoints)
    return run


def _settle_checkpoints(started: StartedRun, store: Checkpoints) -> None:
    """Keep the last state, for a longer run to go on from; nothing where it is not there, or of no use."""
    loop = started.loop
    newest = next(iter(store.positions()), None)
    if not started.options.keep_state or newest is None or newest.step != loop.steps or loop.early_stopping.exhausted:
        store.clear()
        return
    store.finish(started.asked.spec.run)
