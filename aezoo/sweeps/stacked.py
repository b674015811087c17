"""Trials that are trained as one where they can be, each in a run folder of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from aezoo.errors import AezooError, Interrupted
from aezoo.stacking.draws import Unstackable
from aezoo.stacking.facts import reason_against, runs_apart, shape_key
from aezoo.stacking.loop import StackedLoop
from aezoo.storage.checkpoints import Checkpoints
from aezoo.storage.writer import HISTORY
from aezoo.sweeps.requests import Settings
from aezoo.sweeps.trials import Trial
from aezoo.training.progress import Progress, Silent
from aezoo.training.signals import Stop, stoppable
from aezoo.training.started_run import StartedRun, StartOptions, finish, save_trained, started
from aezoo.training.states.checkpointing import CHEAP

#: Trials in one stack, at most: beyond that, weights and activations leave the processor's caches.
MOST = 64


class Stacked(NamedTuple):
    """What came of an attempt to train trials as one.

    Attributes:
        failures: Of each trial that was trained, by its name: why it did not end well, or empty.
        left: Those that were not trained.
        reason: Why not.
    """

    failures: dict[str, str]
    left: list[Trial]
    reason: str = ""


def candidates(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Trials whose specs are equal but for seeds, optimizers, weights of terms and other floats; the large apart."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(shape_key(trial.spec), []).append(trial)
    return [part for group in groups.values() for part in _parted(group)]


def _parted(group: list[Trial]) -> Iterator[list[Trial]]:
    # Equal optimizers beside each other: a row of them is moved by one step.
    ordered = sorted(group, key=lambda trial: repr(trial.spec.training.optimizer))
    for start in range(0, len(ordered), MOST):
        yield ordered[start : start + MOST]


def train_stacked(trials: Sequence[Trial], settings: Settings, progress: Progress) -> Stacked:
    """Train trials as one; those that the first one's pass does not fit are left.

    Raises:
        Interrupted: By a signal; the state of each trial is in its folder.
    """
    result = _attempt(trials, settings, progress)
    for trial in result.left:
        _remove_first_state(trial)
        _remove_empty_log(trial)
    return result


def _remove_first_state(trial: Trial) -> None:
    """Remove a state of no step, which says that the run is stacked: it would be refused where it is trained alone."""
    states = Checkpoints(trial.folder)
    newest, _ = states.newest()
    if newest is not None and not newest.position.step:
        states.clear()


def _remove_empty_log(trial: Trial) -> None:
    """Leave no trace of a run that did not take a step: its folder would count as one that holds something."""
    log = trial.folder / HISTORY
    if log.is_file() and not log.stat().st_size:
        log.unlink()


def _attempt(trials: Sequence[Trial], settings: Settings, progress: Progress) -> Stacked:
    with stoppable() as stop, ExitStack() as folders:
        runs: dict[str, StartedRun] = {}
        closing: dict[str, ExitStack] = {}
        for trial in trials:
            own = closing[trial.name] = folders.enter_context(ExitStack())
            options = StartOptions(True, settings.force, False, CHEAP, False, trial.start, stacked=len(trials))
            runs[trial.name] = own.enter_context(
                started(settings.request(trial.spec), trial.folder, Silent(), options, stop)
            )
        if reason := _reason(runs):
            return Stacked({}, list(trials), reason)
        lead = next((trial for trial in trials if _resumed(runs[trial.name])), trials[0])
        together = [trial for trial in trials if _position(runs[trial.name]) == _position(runs[lead.name])]
        try:
            apart = {together[i].name for i in runs_apart([runs[trial.name].loop for trial in together])}
        except Unstackable as error:
            return Stacked({}, list(trials), str(error))
        together = [trial for trial in together if trial.name not in apart]
        names = {trial.name for trial in together}
        left = [trial for trial in trials if trial.name not in names]
        if len(together) < 2 and not _resumed(runs[lead.name]):
            return Stacked({}, list(trials), "no other trial computes what it does")
        for trial in left:
            closing[trial.name].close()
        try:
            _loop(together, runs, stop, progress).run()
        except Unstackable as error:
            for name in names:
                if writer := runs[name].writer:
                    writer.checkpoints.clear()
            return Stacked({}, list(trials), str(error))
        return Stacked(_finished(together, runs, stop), left, "it computes otherwise than the others" if apart else "")


def _reason(runs: dict[str, StartedRun]) -> str:
    return next((reason for run in runs.values() if (reason := reason_against(run.loop))), "")


def _position(run: StartedRun) -> tuple[int, int]:
    return run.loop.step, run.loop.outcome.epoch


def _resumed(run: StartedRun) -> bool:
    return run.past.checkpoint is not None


def _loop(trials: Sequence[Trial], runs: dict[str, StartedRun], stop: Stop, progress: Progress) -> StackedLoop:
    loops = [runs[trial.name].loop for trial in trials]
    tables = [trial.spec.training.optimizer for trial in trials]
    return StackedLoop(loops, tables, progress=progress, stop=stop)


def _finished(trials: Sequence[Trial], runs: dict[str, StartedRun], stop: Stop) -> dict[str, str]:
    """Save, evaluate and report each trial; one that fails does not keep the others from it."""
    saved, failures = {}, dict[str, str]()
    with stop.deferred():  # all weights are on the disk before anything else is tried
        for trial in trials:
            run = runs[trial.name]
            try:
                saved[trial.name] = save_trained(run, run.loop.outcome)
            except AezooError as error:
                failures[trial.name] = error.message
    interrupted: Interrupted | None = None
    for name, trained in saved.items():
        try:
            finish(runs[name], trained)
            failures[name] = ""
        except Interrupted as error:
            interrupted = error
        except AezooError as error:
            failures[name] = error.message
    if interrupted is not None:
        raise interrupted
    return failures
