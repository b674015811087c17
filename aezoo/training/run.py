"""train: a spec and its data -> a Run: trained, evaluated, and saved in a folder if one is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from aezoo import device as devices
from aezoo.building.builder import build, objective_of
from aezoo.data.batches import Batch, Batches, Rows
from aezoo.data.fields import Fields, with_fields
from aezoo.data.sources import check, open_samples, restated, with_settings
from aezoo.data.splits import split
from aezoo.data.values import warn_of_precision
from aezoo.errors import AezooError, DataError, Interrupted, RunFailed, UsageError
from aezoo.evaluation.scores import Scores, evaluate_split
from aezoo.files import expanded
from aezoo.model import Model
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.objective import Objective
from aezoo.reading.reader import Source, read
from aezoo.registry.attribution import attributed
from aezoo.spec.document import Spec
from aezoo.spec.domain import whole
from aezoo.spec.kinds import turns_of
from aezoo.spec.samples import Samples
from aezoo.storage.checkpoints import Checkpoint
from aezoo.storage.layout import METRICS, TRAINING
from aezoo.storage.writer import HISTORY, Writer, writing
from aezoo.training.checkpointing import HASHED, WRITTEN, Keeper
from aezoo.training.conditions import conditions_of
from aezoo.training.failures import FailureCollector
from aezoo.training.history import History
from aezoo.training.loop import Checkpoints, Loop, Outcome
from aezoo.training.mapped_files import MappedFiles
from aezoo.training.preparation import prepare
from aezoo.training.progress import Progress
from aezoo.training.record import record_of
from aezoo.training.resuming import Past, Request, accept, find, history_of, requested, resumable, take_up
from aezoo.training.signals import Stop, stoppable

#: Rows whose mean and variance a normalizer takes, and whose codes a prior is fitted to.
FIT_ROWS = 100_000
#: Numbers that a state has of a weight: itself, the best so far, two of an optimizer.
STATES_OF_A_WEIGHT = 4


@dataclass(frozen=True)
class Run:
    """What a training gave.

    Attributes:
        model: Trained, with the weights that `training.best_by` chose.
        scores: On the test split, or None where there is none.
        record: What only this run knows: device, seed, versions, time.
        history: Every record of `metrics.jsonl`.
        out: The folder that holds it all, or None.
        auxiliary_state: The state of what only training needs, of the same step: critics, running means of penalties.
    """

    model: Model
    record: dict[str, Any]
    scores: Scores | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    out: Path | None = None
    auxiliary_state: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)


@attributed()
def train(
    source: Spec | Source,
    data: Any = None,
    *,
    fields: Fields | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    seed: int | None = None,
    threads: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
    resume: Literal["auto"] | None = None,
    allow_inexact: bool = False,
    checkpoint_every: float | None = None,
) -> Run:
    """Train the model of a spec.

    The weights are in `out`, and can be loaded, before the model is evaluated: they stay, whatever fails then.

    Args:
        source: A spec, or what `read` takes.
        data: Instead of the spec's `data`: a path, an array [N, *input] or a tensor. The model's spec says so.
        fields: What goes along with the samples, by the names that the spec declares, one value for each or one for
            all, such as `{"label": y}`. They stand in for the fields of the data.
        out: The model's folder, to be made. An existing one is refused unless `force`.
        device: `auto`, `cpu`, `cuda:1` ...
        seed: Instead of the spec's.
        threads: Of the CPU; torch's own number by default. Another number may round differently.
        force: Whether an existing folder may be written to: a run that ends well replaces the model in it, in one step.
        progress: Is shown the losses while it works.
        resume: "auto": a run of the same spec that was stopped in `out` goes on to the bits that it would have ended
            in; where there is none, this one begins.
        allow_inexact: Whether it may go on under other conditions (data, versions, device, threads) than it began with.
        checkpoint_every: Seconds between two states that are kept of the run in `out`; by default 30, and so many that
            keeping them takes less than 1 % of the time.

    Raises:
        RunFailed, PluginError: A loss turned not finite, a part failed, or something after the last step did; the
            message says where the weights are, and the error's `run` holds the run so far.
        Interrupted: By Ctrl-C, SIGTERM or SIGUSR1; the best weights so far are in `out`. As `Resumable`, `resume` goes
            on from there.
        DataError, NotFound, Refused, SpecError, UsageError: Before the first step.
    """
    if resume not in (None, "auto") or (resume and out is None):
        raise UsageError(f"resume={resume!r}: it takes 'auto', and a folder: out=...")
    spec = _resolve(source, data, seed)
    begin = Beginning(resume is not None, force, allow_inexact, checkpoint_every)
    with _begun(Request(spec, data, fields, device, threads), out, progress, begin) as run:
        with run.stop.deferred():  # the first signal ends the loop, and waits until the weights are saved
            trained = _save(run, run.loop.run())
        return _finish(run, trained)


@attributed()
def resume(
    folder: str | Path,
    data: Any = None,
    *,
    fields: Fields | None = None,
    device: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    allow_inexact: bool = False,
    checkpoint_every: float | None = None,
) -> Run:
    """Go on with the run that was stopped in a folder, to the bits that it would have ended in.

    Args:
        folder: As `train` was told by `out`.
        data: Those of the run, where no file holds them; by default they are opened where they were.
        fields: Those that the run was given.
        device: By default that of the run.
        threads: Of the CPU; by default those of the run.
        progress: As for `train`.
        allow_inexact: As for `train`.
        checkpoint_every: As for `train`.

    Raises:
        NotFound: No run was stopped there, or its data are gone.
        UsageError: Its data or fields came from Python, and are not given.
        Refused: The conditions are others, every state is damaged, or another process works there.
        RunFailed, PluginError, Interrupted: As for `train`.
    """
    folder = expanded(Path(folder))
    asked = requested(folder, data, fields)
    asked = asked._replace(device=device or asked.device, threads=threads or asked.threads)
    with _begun(asked, folder, progress, Beginning(True, False, allow_inexact, checkpoint_every)) as run:
        with run.stop.deferred():
            trained = _save(run, run.loop.run())
        return _finish(run, trained)


class Beginning(NamedTuple):
    """How a run begins in its folder.

    Attributes:
        resumes: Whether one that was stopped there goes on.
        force: Whether something else may be there.
        allow_inexact: Whether it may go on under other conditions.
        checkpoint_every: Seconds between its states.
    """

    resumes: bool
    force: bool
    allow_inexact: bool
    checkpoint_every: float | None


class Begun(NamedTuple):
    """A run that is ready for its next step.

    Attributes:
        model: What it trains.
        loop: Its steps.
        setup: Its data and device.
        writer: Of its folder, which is locked.
        stop: Whether the user asked to stop.
        past: What lies behind it.
    """

    model: Model
    loop: Loop
    setup: Setup
    writer: Writer | None
    stop: Stop
    past: Past


@contextmanager
def _begun(asked: Request, out: str | Path | None, progress: Progress | None, begin: Beginning) -> Iterator[Begun]:
    """A run at its first step, or at the one after which it was stopped, while its folder is held."""
    with stoppable() as stop, _output_writer(out, begin) as writer, _told_how_to_go_on(writer, stop):
        checkpoint = find(writer, asked.spec) if writer and begin.resumes else None
        setup = _set_up(*asked)
        past, keeper, history = _begin(asked, setup, writer, checkpoint, begin)
        model, loop = _assemble(with_settings(asked.spec, setup.samples), setup, history, progress, stop, keeper)
        if past.checkpoint:
            take_up(loop, past.checkpoint, setup.device.device)
        yield Begun(model, loop, setup, writer, stop, past)


@contextmanager
def _told_how_to_go_on(writer: Writer | None, stop: Stop) -> Iterator[None]:
    """The error of a run that a signal stopped says how it goes on, where a state of it is kept."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as error:
        stopped = resumable(writer, error) if stop.received else None
        if stopped is None:
            raise
        raise stopped from None


def _begin(
    asked: Request, setup: Setup, writer: Writer | None, checkpoint: Checkpoint | None, begin: Beginning
) -> tuple[Past, Keeper | None, History]:
    """What lies behind the run, what keeps its states, and its records so far."""
    if writer is None:
        return Past(), None, History()
    conditions = cache(lambda: conditions_of(asked.spec, setup.samples, setup.device.device, setup.threads))
    noted = asked._replace(device=str(setup.device.device), threads=setup.threads).document()
    if checkpoint is None:
        past = Past()
        writer.checkpoints.begin(noted)
        history = History(writer.history())
    else:
        past = accept(writer.folder, checkpoint, conditions(), allow_inexact=begin.allow_inexact)
        writer.checkpoints.keep_up_to(checkpoint.position)
        history = history_of(writer, checkpoint)

    def facts() -> dict[str, Any]:
        setup.mapped_files.refuse_changed()  # the fingerprint would be of other samples than those of the steps before
        return {"run": noted, "conditions": conditions(), "exact": past.exact, "resumed": list(past.steps)}

    estimate = setup.samples.values.nbytes / HASHED + STATES_OF_A_WEIGHT * 4 * asked.spec.parameters / WRITTEN
    return past, Keeper(writer.checkpoints, history, facts, every=begin.checkpoint_every, estimate=estimate), history


class Setup(NamedTuple):
    """The data of a run, opened, checked and split, and the device that it computes on.

    Attributes:
        samples: All of them.
        rows: Of each split.
        batches: Of each split that has samples.
        mapped_files: The files that the samples are mapped from.
        device: Where the run computes.
        threads: Of the CPU.
    """

    samples: Samples
    rows: dict[str, Rows]
    batches: dict[str, Batches]
    mapped_files: MappedFiles
    device: devices.Device
    threads: int


class SavedWeights(NamedTuple):
    """Where the weights of a run are.

    Attributes:
        message: Says where; empty if they are in memory alone.
        as_model: Whether they are the model of the run's folder.
    """

    message: str = ""
    as_model: bool = False


class Trained(NamedTuple):
    """A run after its last step: the chosen weights are in the model, and saved.

    Attributes:
        run: Without scores.
        outcome: How the steps went.
        saved: Where the weights are.
        history: Every record.
    """

    run: Run
    outcome: Outcome
    saved: SavedWeights
    history: History


def _resolve(source: Spec | Source, data: Any, seed: int | None) -> Spec:
    """The spec of the run: with this seed, and with these data in place of its own."""
    spec = source if isinstance(source, Spec) else read(source)
    if seed is not None:
        spec = read(spec.document(), overrides=[f"training.seed={seed}"])
    return restated(spec, data)


@contextmanager
def _output_writer(out: str | Path | None, begin: Beginning) -> Iterator[Writer | None]:
    """The folder, locked; refused before any work if it exists, or another process writes to it."""
    if out is None:
        yield None
        return
    with writing(Path(out), force=begin.force, resume=begin.resumes) as writer:
        yield writer


def _set_up(
    spec: Spec, data: Any = None, fields: Fields | None = None, device: str = "cpu", threads: int | None = None
) -> Setup:
    """Open, check and split the data, once for the whole run."""
    n_threads = devices.prepare(threads=threads)
    chosen = devices.choose(device)
    samples = with_fields(open_samples(data, spec, seed=spec.training.seed), fields, spec)
    check(samples, spec)
    warn_of_precision(samples, spec)
    mapped_files = MappedFiles(samples.values)
    rows = split(samples, spec.data, seed=spec.training.seed)
    batches = {name: Batches(samples, spec, part, device=chosen.device) for name, part in rows.items() if len(part)}
    return Setup(samples, rows, batches, mapped_files, chosen, n_threads)


def _assemble(
    spec: Spec,
    setup: Setup,
    history: History,
    progress: Progress | None,
    stop: Stop,
    checkpoints: Checkpoints | None = None,
) -> tuple[Model, Loop]:
    """The model, ready for its first step, and the loop that trains it."""
    batches = setup.batches
    model = _new_model(spec, setup)
    steps = spec.training.total_steps(batches["train"].steps_per_epoch(spec.training.batch_size))
    loop = Loop(
        _prepared_objective(model, batches["train"], steps),
        spec.training,
        batches["train"],
        validation=batches.get("validation"),
        steps=steps,
        history=history,
        progress=progress,
        turns=turns_of(spec),
        stop=stop,
        checkpoints=checkpoints,
    )
    return model, loop


def _new_model(spec: Spec, setup: Setup) -> Model:
    """The model on its device, with the moments of the training split if it standardizes."""
    batches = setup.batches["train"]
    model = build(spec).to(setup.device.device)
    _refuse_batches_of_one(model, batches)
    if spec.input.normalize == "standardize":
        _fit_moments(model.network, spec, batches.head(FIT_ROWS))
    return model


def _fit_moments(network: Autoencoder, spec: Spec, batch: Batch) -> None:
    """Give the normalizers of input and target the moments of the values that count; classes and counts stay."""
    known, mask = (None if name is None else batch.fields[name] for name in (network.observed, network.mask))
    network.normalizer.fit(batch.x, known, whole(*spec.input_domains))  # type: ignore[operator]
    if network.target is not None:
        kept = whole(spec.target_domains)
        network.target_normalizer.fit(batch.fields[network.target], mask, kept)  # type: ignore[operator]


def _prepared_objective(model: Model, batches: Batches, steps: int) -> Objective:
    """The objective of the model, its parts that start from data prepared."""
    training = model.spec.training
    objective = objective_of(model, steps=steps).to(batches.device).train()
    if training.precision == "float64":
        objective.double()
    prepare(objective, batches, training)
    return objective


def _save(begun: Begun, outcome: Outcome) -> Trained:
    """Give the model its weights, and write them to disk before anything else is tried, signals included."""
    model, setup, writer, history = begun.model, begun.setup, begun.writer, begun.loop.history
    with begun.stop.shielded():
        _restore(model, outcome)
        record = record_of(model.spec, outcome, setup.samples, setup.rows, device=setup.device, threads=setup.threads)
        record |= begun.past.record
        run = Run(model, record, None, history.records, writer.folder if writer else None, outcome.auxiliary_state)
        return Trained(run, outcome, _save_weights(run, outcome, writer), history)


def _finish(begun: Begun, trained: Trained) -> Run:
    """What follows the weights; once all of it is done the run has nothing to go on with."""
    run = _evaluate_and_report(trained, begun.setup, begun.writer, begun.stop)
    if begun.writer:
        begun.writer.checkpoints.clear()
    return run


def _evaluate_and_report(trained: Trained, setup: Setup, writer: Writer | None, stop: Stop) -> Run:
    """Fit the prior, evaluate the model, and write record, scores, pictures and card beside its weights."""
    run, outcome, saved, history = trained
    failure = outcome.failure
    if stop.requested and failure is None:
        failure = Interrupted("interrupted after the last step")
    failures = FailureCollector(stop, failure)
    folder = writer if saved.as_model else None
    failures.attempt("fitting the prior", lambda: _fit_prior(trained, setup.batches["train"], folder))
    if len(setup.rows.get("test", ())) and failure is None:
        run = replace(run, scores=failures.attempt("evaluation", lambda: _evaluate(trained.run.model, setup)))
    if folder:
        _write_reports(run, history, folder, failures)
    failures.raise_first(run, saved.message)
    return run


def _restore(model: Model, outcome: Outcome) -> None:
    """Give the model the weights that were chosen, in evaluation mode."""
    network = model.network.eval()
    current = network.state_dict()
    for name, value in outcome.state.items():
        # A buffer that changed its shape in training: `load_state_dict` would raise here, before the weights are saved.
        if name in current and current[name].shape != value.shape:
            module, _, buffer = name.rpartition(".")
            setattr(network.get_submodule(module), buffer, value)
    network.load_state_dict(outcome.state)


def _save_weights(run: Run, outcome: Outcome, writer: Writer | None) -> SavedWeights:
    """Write the weights of a run.

    A run that failed, or was interrupted before its first weights, does not replace an older model.
    """
    from aezoo.storage.saving import keep, keep_unfinished

    if writer is None:
        return SavedWeights()
    weights = f"the weights of step {outcome.best_step}"
    older = f"{writer.folder} holds the model that was there before"
    if writer.replaces and not outcome.best_step:
        return SavedWeights(older)
    try:
        if writer.replaces and outcome.stop_reason in ("not finite", "failed"):
            return SavedWeights(f"{weights} are in {keep_unfinished(writer, run.model)}; {older}")
        keep(writer, run)
    except AezooError as error:
        error.run = run
        raise
    return SavedWeights(f"{weights} are kept in {writer.folder}", as_model=True)


def _fit_prior(trained: Trained, batches: Batches, writer: Writer | None) -> None:
    """Fit the prior and the scale to the training codes; if that fails, the model stays as it was."""
    from aezoo.storage.saving import keep

    run, weights = trained.run, trained.outcome.state
    network = run.model.network
    if network.prior is None and run.model.spec.latent.scale != "fitted":
        return
    try:
        _fit(network, batches, scale=run.model.spec.latent.scale == "fitted")
        fitted = {name: v for name, v in network.state_dict().items() if name.startswith(("prior.", "scaler."))}
        if writer and any(not torch.equal(value, weights[name]) for name, value in fitted.items()):
            keep(writer, run)
    except BaseException:
        network.load_state_dict(weights)
        raise


@torch.no_grad()
def _fit(network: Autoencoder, batches: Batches, *, scale: bool) -> None:
    chunks = batches.head(FIT_ROWS).cut(256)
    codes = torch.cat([getattr(network.encode(x, fields=fields), network.point) for x, fields in chunks])
    if network.prior is not None:
        network.prior.fit(codes)
    if scale and network.scaler is not None:
        if not codes.isfinite().all():
            raise RunFailed("a scale cannot be fitted to codes that are not finite", hint="the model has diverged")
        network.scaler.fit(codes)


def _evaluate(model: Model, setup: Setup) -> Scores:
    """The scores on the test split of the samples that the run has opened: they are not opened again."""
    setup.mapped_files.refuse_changed()
    scores = evaluate_split(model, setup.samples, setup.rows)
    setup.mapped_files.refuse_changed()
    return scores


def _write_reports(run: Run, history: History, writer: Writer, failures: FailureCollector) -> None:
    """Write record, scores, pictures and card beside the model, each in a task of its own."""
    from aezoo.storage import saving

    scores = run.scores
    failures.attempt(f"writing {TRAINING}", lambda: saving.keep_record(writer, run))
    if history.broken:
        failures.attempt(f"writing {HISTORY}", lambda: writer.add(lambda stage: history.write(stage / HISTORY)))
    if scores is not None:
        failures.attempt(f"writing {METRICS}", lambda: saving.keep_scores(writer, scores))
    failures.attempt("drawing the pictures", lambda: saving.keep_pictures(writer, run.model, scores))
    failures.attempt("writing the card", lambda: saving.keep_card(writer, run))


def _refuse_batches_of_one(model: Model, batches: Batches) -> None:
    """Batch normalization cannot train on a batch of one sample: it has no variance."""
    training = model.spec.training
    smallest = min(training.batch_size, len(batches))
    if training.micro_batch is not None and training.micro_batch < min(smallest, 3):
        smallest = 1  # of a batch of three, two passes have two samples and one
    if smallest > 1 or not any(isinstance(part, _BatchNorm) for part in model.network.modules()):
        return
    raise DataError(
        f"batch normalization needs at least 2 samples in a pass, this run has {smallest}",
        hint='training.batch_size = 2 or more, training.micro_batch = 3 or more, or norm = "group"',
    )
