"""search: ranges of settings -> trials that Optuna proposes, each a run in a folder of its own, and the best of them.

The study is in a storage that several processes share: each asks for a trial, trains it and tells what came of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from platform import node
from typing import TYPE_CHECKING, Any, NamedTuple

from aezoo.data.sources import restated
from aezoo.errors import AezooError, Fault, Interrupted, Refused, Resumable, SpecError, UsageError
from aezoo.hints import did_you_mean
from aezoo.reading.reader import Source, SpecWarning, check
from aezoo.spec.canonical import to_json
from aezoo.spec.document import Spec
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.sweeps.grid import axes_of, points
from aezoo.sweeps.ranges import Choice, Range
from aezoo.sweeps.requests import Settings
from aezoo.sweeps.results import Row, Sweep, row_of
from aezoo.sweeps.trials import SWEEP, Trial, make_folder
from aezoo.training.loop import Loop
from aezoo.training.progress import Progress
from aezoo.training.started_run import StartOptions, finish, save_trained, started
from aezoo.training.states.checkpointing import CHEAP

if TYPE_CHECKING:
    import optuna

#: Of the study in the folder of a sweep; of the locks of trials that processes are at work on.
STUDY, LOCKS = "study.db", ".locks"


class Searched(NamedTuple):
    """What is searched.

    Attributes:
        source: The spec, or what `read` takes.
        fixed: Assignments that are the same for all trials.
        ranges: What varies.
        by: The validation term that is to be low.
    """

    source: Spec | Source
    fixed: tuple[str, ...]
    ranges: Sequence[Range | Choice]
    by: str

    def spec(self, values: Mapping[str, str], data: Any, limits: Limits = DEFAULT_LIMITS) -> Spec:
        """The spec with these values. Raises `SpecError`."""
        document = self.source.document() if isinstance(self.source, Spec) else self.source
        overrides = [*self.fixed, *(f"{path}={value}" for path, value in values.items())]
        return restated(check(document, overrides=overrides, limits=limits)[0], data)

    def name(self, base: Spec) -> str:
        """Of the study: the same for the same search, in whatever process."""
        described = to_json({"run": base.run, "by": self.by, "ranges": [str(each) for each in self.ranges]})
        return f"{base.name}-{sha256(described.encode()).hexdigest()[:12]}"


def searched(
    source: Spec | Source,
    settings: Mapping[str, Sequence[Any]] | Sequence[str],
    ranges: Sequence[Range | Choice],
    by: str,
) -> Searched:
    """What is searched, with settings that have one value each. Raises `UsageError`."""
    axes = axes_of(settings)
    for axis in axes:
        if len(axis.values) > 1:
            hint = f"--search {axis.path}={','.join(axis.values)}"
            raise UsageError(f"--set {axis.path}: beside --search a setting has one value", hint=hint)
        if axis.path in {each.path for each in ranges}:
            raise UsageError(f"{axis.path} is set and searched", hint="leave one of them out")
    return Searched(source, points(axes)[0].overrides, ranges, by)


def search(
    what: Searched,
    settings: Settings,
    *,
    out: Path,
    trials: int,
    storage: str | None,
    prune: bool,
    limits: Limits,
    progress: Progress,
    tell: Callable[[str], None],
) -> Sweep:
    """Train trials until the study has so many.

    Args:
        what: Is searched.
        settings: How trials are trained.
        out: The folder of the sweep.
        trials: Of the study in all, those of other processes and of earlier calls included.
        storage: Of the study, a URL as Optuna takes it; by default a file in `out`.
        prune: Whether a trial ends that is worse than the median of the others at the same epoch.
        limits: How large a model may be.
        progress: Is shown the losses.
        tell: Is told of what happens, a line each.

    Raises:
        SpecError, UsageError, Refused: Before anything is trained.
        Interrupted: By a signal; the same call goes on.
    """
    library = _optuna()
    base = _checked(what, settings.data, limits)
    name = what.name(base)
    if not settings.force:
        _refuse_others(out, name)
    make_folder(out)
    with _lock(out / LOCKS / "study"):  # two processes that make its tables at once would fail
        study = _study(library, name, storage or f"sqlite:///{out.resolve() / STUDY}", prune=prune)
    worker = _Worker(study, what, settings, out, limits, progress, tell)
    Sweep(worker.rows(), f"validation.{what.by}", out, study=name).write()  # says whose folders these are
    try:
        while worker.one_more(trials, base.training.seed):
            pass
    except Interrupted as error:
        raise Resumable(error.message, hint="the same command goes on with the search") from error
    result = Sweep(worker.rows(), f"validation.{what.by}", out, study=name)
    result.write()
    return result


class _Worker:
    """Asks a study for trials, trains them and tells it what came of them."""

    def __init__(
        self,
        study: optuna.Study,
        what: Searched,
        settings: Settings,
        out: Path,
        limits: Limits,
        progress: Progress,
        tell: Callable[[str], None],
    ) -> None:
        self.study, self.what, self.settings, self.out = study, what, settings, out
        self.limits, self.progress, self.tell = limits, progress, tell
        self.here = f"{node()}:{out.resolve()}"  # a trial is resumed where its folder is

    def one_more(self, most: int, seed: int) -> bool:
        """Train a trial that was stopped, or a new one; False if the study has all of them."""
        with _lock(self.out / LOCKS / "study"):
            stopped = self._stopped()
            asked = stopped or self._asked(most, seed)
        if asked is None:
            return False
        asked_trial, claim = asked
        with claim:
            self._train(asked_trial)
        return True

    def _stopped(self) -> tuple[optuna.trial.Trial, Any] | None:
        """A trial whose process was stopped or killed, and its lock."""
        import optuna

        for frozen in self.study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            claim = _lock(self.out / LOCKS / _name(frozen.number), waits=False)
            if frozen.user_attrs.get("out") == self.here and (held := _held(claim)) is not None:
                return optuna.trial.Trial(self.study, frozen._trial_id), held
        return None

    def _asked(self, most: int, seed: int) -> tuple[optuna.trial.Trial, Any] | None:
        """A new trial and its lock; what is drawn depends on the seed and on the trials before."""
        import optuna

        count = len(self.study.get_trials(deepcopy=False))
        if count >= most:
            return None
        drawn = int.from_bytes(sha256(f"{seed} {count}".encode()).digest()[:4], "big")
        self.study.sampler = optuna.samplers.TPESampler(seed=drawn)
        trial = self.study.ask({each.path: _distribution(each) for each in self.what.ranges})
        trial.set_user_attr("out", self.here)
        return trial, _held(_lock(self.out / LOCKS / _name(trial.number), waits=False))

    def _train(self, asked: optuna.trial.Trial) -> None:
        from optuna.trial import TrialState

        name = _name(asked.number)
        values = self._values(asked.params)
        try:
            trial = Trial(name, values, self.what.spec(values, self.settings.data, self.limits), self.out / name)
            if not trial.finished:
                self._run(trial, asked)
            row = row_of(trial)
        except Interrupted:
            raise
        except UsageError:  # of every trial
            self.study.tell(asked, state=TrialState.FAIL)
            raise
        except AezooError as error:
            asked.set_user_attr("failure", error.message)
            self.study.tell(asked, state=TrialState.FAIL)
            self.tell(f"{name}: {error.message}")
            return
        figure = f"validation.{self.what.by}"
        asked.set_user_attr("figures", row.figures)
        asked.set_user_attr(
            "record", {key: row.record[key] for key in ("ended", "steps", "seconds") if key in row.record}
        )
        if not row.chooses:
            self.study.tell(asked, state=TrialState.PRUNED)
        elif figure in row.figures:
            self.study.tell(asked, row.figures[figure])
        else:
            asked.set_user_attr("failure", f"{figure} is not finite")
            self.study.tell(asked, state=TrialState.FAIL)
        self.tell(f"{name}: {row.record.get('ended')}, {figure} = {row.figures.get(figure, float('nan')):.5g}")

    def _run(self, trial: Trial, asked: optuna.trial.Trial) -> None:
        options = StartOptions(True, self.settings.force, False, CHEAP, keep_state=False)
        with started(self.settings.request(trial.spec), trial.folder, self.progress, options) as run:
            run.loop.history.listeners.append(_Judge(asked, run.loop, self.what.by))
            with run.stop.deferred():
                trained = save_trained(run, run.ended(run.loop.run()))
            finish(run, trained)

    def _values(self, params: Mapping[str, Any]) -> dict[str, str]:
        return {each.path: each.text(params[each.path]) for each in self.what.ranges}

    def rows(self) -> list[Row]:
        """What is known of each trial: of those that other machines trained, what they told the study."""
        return [*self._rows()]

    def _rows(self) -> Iterator[Row]:
        for frozen in self.study.get_trials(deepcopy=False):
            if len(frozen.params) < len(self.what.ranges):
                continue  # another process is just being given it
            values, name = self._values(frozen.params), _name(frozen.number)
            told = frozen.user_attrs
            try:
                spec = self.what.spec(values, self.settings.data, self.limits)
            except SpecError:
                continue  # no model is built of it; the study says why
            trial = Trial(name, values, spec, self.out / name)
            if told.get("out") == self.here:
                yield row_of(trial, told.get("failure", ""))
            else:
                yield Row(trial, told.get("figures", {}), told.get("record", {}), told.get("failure", ""))


class _Judge:
    """Tells a study the validation values of a run, and ends the run where it is to be pruned.

    Args:
        trial: Of the study.
        loop: Of the run.
        by: The term that counts.
    """

    def __init__(self, trial: optuna.trial.Trial, loop: Loop, by: str) -> None:
        self.trial, self.loop, self.by = trial, loop, by
        self.split = "train" if loop.validation is None else "validation"
        self.told = set(trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values)

    def __call__(self, index: int, record: Mapping[str, Any]) -> None:
        judged = self.loop.training.validate_every is not None or "epoch" in record
        if record["split"] != self.split or not judged:
            return
        if self.by not in record:
            known = [name for name in record if name not in ("step", "epoch", "split", "rate")]
            hint = did_you_mean(self.by, known, f"there are {', '.join(known)}")
            raise UsageError(f"--by: no term is called {self.by!r}", hint=hint)
        # Epochs are compared, since steps in one differ with the size of a batch.
        at = record["step"] if self.loop.training.validate_every is not None else record["epoch"]
        if at not in self.told:  # a run that goes on repeats some
            self.trial.report(record[self.by], at)
        if self.loop.step < self.loop.steps and self.trial.should_prune():
            self.loop.early_stopping.pruned = True


def _optuna() -> Any:
    """The library, which says no more than warnings. Raises `UsageError` where it is not installed."""
    try:
        import optuna
    except ImportError:
        raise UsageError("--search needs optuna, which is not installed", hint='pip install "aezoo[sweep]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _study(library: Any, name: str, storage: str, *, prune: bool) -> Any:
    """The study, made if it is not there. Raises `UsageError` if its storage cannot be opened."""
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    # Several processes write to one file: each waits for the others, for a minute at most.
    options = {"connect_args": {"timeout": 60}} if storage.startswith("sqlite") else None
    pruner = library.pruners.MedianPruner() if prune else library.pruners.NopPruner()
    try:
        opened = library.storages.RDBStorage(storage, engine_kwargs=options)
        return library.create_study(study_name=name, storage=opened, pruner=pruner, load_if_exists=True)
    except (ArgumentError, SQLAlchemyError, ImportError) as error:
        reason = str(error).splitlines()[0]
        message = f"the storage {storage} cannot be opened: {reason}"
        raise UsageError(message, hint="a storage is a URL such as sqlite:///study.db or postgresql://...") from error


def _checked(what: Searched, data: Any, limits: Limits) -> Spec:
    """The spec as it is, once it is known to take the ends of every range. Raises `SpecError`."""
    document = what.source.document() if isinstance(what.source, Spec) else what.source
    base, lints = check(document, overrides=what.fixed, limits=limits)
    for lint in lints:
        warnings.warn(SpecWarning(str(lint)), stacklevel=3)
    faults: dict[Fault, None] = {}
    for each in what.ranges:
        for end in each.ends:
            try:
                what.spec({each.path: end}, data, limits)
            except SpecError as error:
                faults |= dict.fromkeys(error.faults)
                failure = error
    if faults:
        raise type(failure)([*faults], source=failure.source)
    return restated(base, data)


def _refuse_others(out: Path, study: str) -> None:
    """Refuse a folder that holds another sweep or search."""
    import json

    path = out / SWEEP
    if not path.is_file():
        return
    try:
        before = json.loads(path.read_bytes()).get("study")
    except (OSError, ValueError, AttributeError) as error:
        raise Refused(f"{path} is no record of a sweep: {type(error).__name__}", hint="name another --out") from error
    if before != study:
        raise Refused(f"{out} holds another {'search' if before else 'sweep'}", hint="name another --out")


def _distribution(each: Range | Choice) -> Any:
    from optuna import distributions

    if isinstance(each, Choice):
        return distributions.CategoricalDistribution(each.values)
    if each.whole:
        return distributions.IntDistribution(int(each.low), int(each.high), log=each.log)
    return distributions.FloatDistribution(each.low, each.high, log=each.log)


def _name(number: int) -> str:
    return f"trial-{number:04}"


@contextmanager
def _lock(path: Path, *, waits: bool = True) -> Iterator[None]:
    """Held by one process at a time; a kill frees it. Raises `Timeout` if it does not wait and another has it."""
    from filelock import FileLock

    path.parent.mkdir(exist_ok=True, parents=True)
    with FileLock(path.with_suffix(".lock"), timeout=-1 if waits else 0):
        yield


def _held(lock: Any) -> Any:
    """The lock, entered: leave it by `with`; None if another process has it."""
    from contextlib import ExitStack

    from filelock import Timeout

    stack = ExitStack()
    try:
        stack.enter_context(lock)
    except Timeout:
        return None
    return stack
