"""sweep: a spec and values of its settings -> a trained model for each combination, a table, and the best spec."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aezoo.data.fields import Fields
from aezoo.data.sources import restated
from aezoo.errors import AezooError, Interrupted, Resumable, UsageError
from aezoo.files import expanded
from aezoo.hardware.processes import refuse_several
from aezoo.hints import did_you_mean
from aezoo.reading.reader import Source, SpecWarning
from aezoo.registry.attribution import attributed
from aezoo.spec.document import Spec
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.storage.checkpoints import Checkpoints
from aezoo.sweeps.grid import axes_of, points
from aezoo.sweeps.processes import train_in_processes
from aezoo.sweeps.ranges import ranges_of
from aezoo.sweeps.requests import Settings
from aezoo.sweeps.results import Row, Sweep, row_of
from aezoo.sweeps.search import search as run_search
from aezoo.sweeps.search import searched
from aezoo.sweeps.stacked import candidates, train_stacked
from aezoo.sweeps.trials import Trial, forget_others, make_folder, refuse_others, trials_of
from aezoo.training.progress import Progress, Silent
from aezoo.training.run import train

#: Told of what happens, a line each.
Tell = Callable[[str], None]


@attributed()
def sweep(
    source: Spec | Source,
    settings: Mapping[str, Sequence[Any]] | Sequence[str] = (),
    *,
    out: str | Path,
    data: Any = None,
    fields: Fields | None = None,
    by: str = "total",
    jobs: int = 1,
    stack: bool = True,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    tell: Tell = lambda line: None,
    search: Mapping[str, str] | Sequence[str] = (),
    trials: int = 20,
    storage: str | None = None,
    prune: bool = True,
) -> Sweep:
    """Train a model for every combination of values, each in a run folder of its own in `out`.

    With `search`, values are drawn from ranges, one trial after the other, where earlier ones did well.

    Every spec is checked before anything is trained. Trials whose specs are of equal shape are trained as one, with
    the results of single runs to rounding; others one by one, or in processes. What a sweep that was stopped has
    finished is not trained again.

    Args:
        source: A spec, or what `read` takes.
        settings: Values by path, `{"latent.dim": [4, 8], "training.seed": range(5)}`, or as they are typed:
            `["latent.dim=4,8", "training.seed=0..4"]`.
        out: The folder of the sweep.
        data: As for `train`.
        fields: As for `train`.
        by: The term whose validation value, the mean over seeds, chooses the best.
        jobs: Processes at once for trials that are not stacked.
        stack: Whether trials of equal shape are trained as one.
        device: As for `train`.
        threads: Of the CPU; with several jobs, of each.
        force: Whether trials of another sweep in `out` may be replaced.
        limits: How large a model may be.
        progress: Is shown the losses.
        tell: Is told of what happens, a line each.
        search: Ranges by path, `{"latent.dim": "4..64", "training.optimizer.lr": "1e-4..1e-2:log"}`, or as they are
            typed. Settings then have one value each; several calls in different processes share a study.
        trials: Of a search, in all.
        storage: Of a search, a URL as Optuna takes it; by default a file in `out`.
        prune: Whether a search ends trials that are worse than the median of the others at the same epoch.

    Raises:
        SpecError, UsageError, Refused: Before anything is trained; after it, if no trial has the term `by`.
        Interrupted: By a signal; the same call goes on.
    """
    if jobs < 1:
        raise UsageError(f"jobs={jobs}: it takes 1 or more")
    out = expanded(Path(out))
    refuse_several("a sweep")
    how = Settings(data, fields, device, threads, force, limits)
    shown = progress or Silent()
    if search:
        if jobs > 1:
            raise UsageError(f"jobs={jobs}: a search trains one trial at a time", hint="start the same command again")
        if trials < 1:
            raise UsageError(f"trials={trials}: it takes 1 or more")
        what = searched(source, settings, ranges_of(search), by)
        return run_search(
            what, how, out=out, trials=trials, storage=storage, prune=prune, limits=limits, progress=shown, tell=tell
        )
    return _grid(
        source, settings, how, out=out, by=by, jobs=jobs, stack=stack, limits=limits, progress=shown, tell=tell
    )


def _grid(
    source: Spec | Source,
    settings: Mapping[str, Sequence[Any]] | Sequence[str],
    how: Settings,
    *,
    out: Path,
    by: str,
    jobs: int,
    stack: bool,
    limits: Limits,
    progress: Progress,
    tell: Tell,
) -> Sweep:
    """A model for every combination of values."""
    data = how.data
    trials, lints = trials_of(source, points(axes_of(settings)), out, limits=limits)
    for lint in lints:
        warnings.warn(SpecWarning(str(lint)), stacklevel=3)
    trials = [trial._replace(spec=restated(trial.spec, data)) for trial in trials]
    return train_trials(trials, how, out=out, by=by, jobs=jobs, stack=stack, progress=progress, tell=tell)


def train_trials(
    trials: Sequence[Trial],
    how: Settings,
    *,
    out: Path,
    by: str = "total",
    jobs: int = 1,
    stack: bool = True,
    progress: Progress | None = None,
    tell: Tell = lambda line: None,
) -> Sweep:
    """Train the trials that are not finished, and tabulate all of them.

    Args:
        trials: Each with a spec and a folder of its own.
        how: What is the same for all of them.
        out: Where the table is written.
        by: As for `sweep`.
        jobs: As for `sweep`.
        stack: As for `sweep`.
        progress: As for `sweep`.
        tell: As for `sweep`.

    Raises:
        Refused: Folders hold trials of other specs.
        Resumable: By a signal; the same call goes on.
        UsageError: No trial has the term `by`.
    """
    force = how.force
    if force:
        forget_others(trials, out)
    else:
        refuse_others(trials, out)
    make_folder(out)
    Sweep([row_of(trial) for trial in trials], f"validation.{by}", out).write()  # says whose folders these are
    trained = _Trainer(how, progress or Silent(), tell)
    try:
        trained.train([trial for trial in trials if force or not trial.finished], jobs, stack=stack)
    except Interrupted as error:
        raise Resumable(error.message, hint="the same command goes on with the sweep") from error
    rows = [row_of(trial, trained.failures.get(trial.name, "")) for trial in trials]
    result = Sweep(rows, f"validation.{by}", out, sum("stacked" in row.record for row in rows), trained.remarks)
    result.write()
    _refuse_unknown(by, rows)
    return result


def _refuse_unknown(by: str, rows: Sequence[Row]) -> None:
    """Raise `UsageError` where no trial has the term by which the best is chosen."""
    known = sorted({name.removeprefix("validation.") for row in rows for name in row.figures if "validation." in name})
    if known and by not in known:
        hint = did_you_mean(by, known, f"there are {', '.join(known)}; the trials are kept")
        raise UsageError(f"--by: no term is called {by!r}", hint=hint)


class _Trainer:
    """Trains trials, stacked where they can be.

    Args:
        settings: The same for all.
        progress: Is shown the losses.
        tell: Is told of what happens.

    Attributes:
        failures: Why trials did not end well, by name.
        remarks: Why trials were not stacked.
    """

    def __init__(self, settings: Settings, progress: Progress, tell: Tell) -> None:
        self.settings = settings
        self.progress = progress
        self.tell = tell
        self.failures: dict[str, str] = {}
        self.remarks: list[str] = []

    def train(self, trials: Sequence[Trial], jobs: int, *, stack: bool) -> None:
        alone = list(trials)
        if stack:
            # What was begun alone goes on alone: it would end in other bits in a stack.
            alone = [trial for trial in trials if _was_stacked(trial) is False]
            others = [trial for trial in trials if trial not in alone]
            alone += [trial for group in candidates(others) for trial in self._stacked(group)]
        if jobs > 1 and len(alone) > 1:
            self.failures |= train_in_processes(alone, self.settings, jobs, self._done)
            return
        for trial in alone:
            self.failures[trial.name] = self._alone(trial)
            self._done(trial)

    def _stacked(self, group: list[Trial]) -> list[Trial]:
        """Train what of a group can be trained as one; returns the others."""
        while len(group) > 1 or any(map(_was_stacked, group)):
            self.tell(f"{len(group)} trials of equal shape as one: {group[0].name} ...")
            done, group, reason = train_stacked(group, self.settings, self.progress)
            self.failures |= done
            if not done:
                self.remarks.append(f"{group[0].name} and {len(group) - 1} more, one by one: {reason}")
                self.tell(self.remarks[-1])
                break
        return group

    def _alone(self, trial: Trial) -> str:
        settings = self.settings
        try:
            train(
                trial.spec,
                settings.data,
                fields=settings.fields,
                out=trial.folder,
                device=settings.device,
                threads=settings.threads,
                force=settings.force,
                progress=self.progress,
                start_from=trial.start,
                resume="auto",
                keep_state=False,
            )
        except Interrupted:
            raise
        except AezooError as error:
            return error.message
        return ""

    def _done(self, trial: Trial) -> None:
        failure = self.failures.get(trial.name)
        self.tell(f"{trial.name}: {failure or 'done'}")


def _was_stacked(trial: Trial) -> bool | None:
    """Whether the state that is kept of it was stacked: it goes on as it began. None where no state is kept."""
    checkpoint, _ = Checkpoints(trial.folder).newest()
    return None if checkpoint is None else checkpoint.facts.get("conditions", {}).get("stacked") == "yes"
