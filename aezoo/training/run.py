"""train: a spec and its data -> a Run: trained, judged, and kept in a folder if one is named."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from aezoo.batches import Batches
from aezoo.blame import attributed
from aezoo.builder import build, objective_of
from aezoo.bundled import bundled_specs
from aezoo.data import check, open_samples, restated, split
from aezoo.errors import AezooError, DataError, Interrupted
from aezoo.evaluation.scores import Scores, evaluate
from aezoo.folder import HISTORY, Writer, writing
from aezoo.manifest import providers
from aezoo.model import Model
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Prior
from aezoo.reader import Source, read
from aezoo.samples import Samples
from aezoo.spec.document import Spec
from aezoo.spec.player import turns_of
from aezoo.training import device as devices
from aezoo.training.afterwards import Afterwards, Mapped
from aezoo.training.history import History
from aezoo.training.loop import Loop, Outcome
from aezoo.training.preparation import prepare
from aezoo.training.progress import Progress
from aezoo.training.stopping import Stop, stoppable
from aezoo.values import warn_of_precision
from aezoo.zoo.layout import METRICS, TRAINING

#: Rows whose mean and variance a normalizer takes, and whose codes a prior is fitted to.
FIT_ROWS = 100_000


@dataclass(frozen=True)
class Run:
    """What a training gave.

    Attributes:
        model: Trained, with the weights that `training.best_by` chose.
        scores: On the test split, or None where there is none.
        record: What only this run knows: device, seed, versions, time.
        history: Every record of `metrics.jsonl`.
        out: The folder that holds it all, or None.
        beside: The state of what only training needs, of the same step: critics, running means of penalties.
    """

    model: Model
    record: dict[str, Any]
    scores: Scores | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    out: Path | None = None
    beside: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)


@attributed()
def train(
    source: Spec | Source,
    data: Any = None,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    seed: int | None = None,
    threads: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Train the model of a spec.

    The weights are in `out`, and can be loaded, before the model is judged and drawn: whatever fails then, they stay.

    Args:
        source: A spec, or what `read` takes.
        data: Instead of the spec's `data`: a path, an array [N, *input] or a tensor. The model's spec says so.
        out: The model's folder, to be made. An existing one is refused unless `force`.
        device: `auto`, `cpu`, `cuda:1` ...
        seed: Instead of the spec's.
        threads: Of the CPU; torch's own number by default. Another number may round differently.
        force: Whether an existing folder may be written to: a run that ends well replaces the model in it, in one step.
        progress: Is shown the losses while it works.

    Raises:
        RunFailed, PluginError: A loss turned not finite, a part failed, or something after the last step did; the
            message says where the weights are, and the error's `run` holds what was reached.
        Interrupted: By Ctrl-C or SIGTERM; the best weights so far are in `out`.
        DataError, NotFound, Refused, SpecError: Before the first step.
    """
    spec = source if isinstance(source, Spec) else read(source)
    if seed is not None:
        spec = read(spec.document(), overrides=[f"training.seed={seed}"])
    spec = restated(spec, data)
    with stoppable() as stop, _claimed(out, force=force) as writer:
        workers = devices.prepare(threads=threads)
        place = devices.choose(device)
        samples = open_samples(data, spec, seed=spec.training.seed)
        check(samples, spec)
        warn_of_precision(samples, spec)
        mapped = Mapped(samples.values)
        rows = split(samples, spec.data, seed=spec.training.seed)
        batches = {
            name: Batches(samples, spec, index, device=place.device) for name, index in rows.items() if len(index)
        }
        model, loop = _prepared(spec, batches, place, writer, progress, stop)
        with stop.held():  # the first signal ends the loop, and waits until the weights are kept
            outcome = loop.run()
            _restore(model, outcome)
            record = _record(spec, place, workers, samples, rows, outcome)
            run = Run(model, record, None, loop.history.records, writer.folder if writer else None, outcome.beside)
            kept = _keep(writer, run, outcome)
        if stop.asked and outcome.failure is None:
            outcome.failure = Interrupted("interrupted after the last step")
        rest = Afterwards(stop, outcome.failure)
        rest.attempt(
            "fitting the prior", lambda: _fit_prior(run, outcome, batches["train"], writer if kept.as_model else None)
        )
        if len(rows.get("test", ())) and outcome.failure is None:
            run = replace(run, scores=rest.attempt("evaluation", lambda: _evaluate(model, samples, mapped)))
        if kept.as_model and writer:
            _describe(run, loop.history, writer, rest)
        rest.finish(run, kept.words)
        return run


class Kept(NamedTuple):
    """Where the weights of a run are.

    Attributes:
        words: As a message says it; nothing if they are in memory alone.
        as_model: Whether they are the model of the run's folder.
    """

    words: str = ""
    as_model: bool = False


@contextmanager
def _claimed(out: str | Path | None, *, force: bool) -> Iterator[Writer | None]:
    """The folder, held; refused before any work if something is there, or somebody writes there."""
    if out is None:
        yield None
        return
    with writing(Path(out), force=force) as writer:
        yield writer


def _prepared(
    spec: Spec,
    batches: dict[str, Batches],
    place: devices.Device,
    writer: Writer | None,
    progress: Progress | None,
    stop: Stop,
) -> tuple[Model, Loop]:
    """The model, ready for its first step, and the loop that trains it."""
    model = build(spec).to(place.device)
    _refuse_tiny(model, batches["train"])
    if spec.input.normalize == "standardize":
        model.network.normalizer.fit(batches["train"].head(FIT_ROWS))  # type: ignore[operator]
    steps = spec.training.total_steps(batches["train"].steps_per_epoch(spec.training.batch_size))
    objective = objective_of(model, steps=steps).to(place.device).train()
    if spec.training.precision == "float64":
        objective.double()
    prepare(objective, batches["train"], spec.training)
    loop = Loop(
        objective,
        spec.training,
        batches["train"],
        validation=batches.get("validation"),
        steps=steps,
        history=History(writer.history() if writer else None),
        progress=progress,
        turns=turns_of(spec.objective),
        stop=stop,
    )
    return model, loop


def _restore(model: Model, outcome: Outcome) -> None:
    """Give the model the weights that were chosen, for use."""
    network = model.network.eval()
    now = network.state_dict()
    for name, value in outcome.state.items():
        if name in now and now[name].shape != value.shape:  # a buffer that grew: what is kept will say so
            place, _, own = name.rpartition(".")
            setattr(network.get_submodule(place), own, value)
    network.load_state_dict(outcome.state)


def _keep(writer: Writer | None, run: Run, outcome: Outcome) -> Kept:
    """Bring the weights to the disk before anything else is tried.

    A run that failed, or was interrupted before its first weights, does not take the place of an older model.
    """
    from aezoo.bundle import keep, keep_unfinished

    if writer is None:
        return Kept()
    weights, older = (
        f"the weights of step {outcome.best_step}",
        f"{writer.folder} holds the model that was there before",
    )
    if writer.replaces and not outcome.best_step:
        return Kept(older)
    try:
        if writer.replaces and outcome.why in ("not finite", "failed"):
            return Kept(f"{weights} are in {keep_unfinished(writer, run.model)}; {older}")
        keep(writer, run)
    except AezooError as error:
        error.run = run
        raise
    return Kept(f"{weights} are kept in {writer.folder}", as_model=True)


def _fit_prior(run: Run, outcome: Outcome, batches: Batches, writer: Writer | None) -> None:
    """Fit the prior to the training codes; if that fails, the model is what it was before."""
    from aezoo.bundle import keep

    network = run.model.network
    if network.prior is None:
        return
    try:
        _fit(network, network.prior, batches)
        fitted = {name: value for name, value in network.state_dict().items() if name.startswith("prior.")}
        if writer and any(not torch.equal(value, outcome.state[name]) for name, value in fitted.items()):
            keep(writer, run)
    except BaseException:
        network.load_state_dict(outcome.state)
        raise


@torch.no_grad()
def _fit(network: Autoencoder, prior: Prior, batches: Batches) -> None:
    x = batches.head(FIT_ROWS)
    codes = [getattr(network.encode(chunk), network.point) for chunk in torch.split(x, 256)]
    prior.fit(torch.cat(codes))


def _evaluate(model: Model, samples: Samples, mapped: Mapped) -> Scores:
    """The scores on the test split of the samples that the model was trained on: as they were opened, not again."""
    mapped.refuse_changed()
    scores = evaluate(model, samples)
    mapped.refuse_changed()
    return scores


def _describe(run: Run, history: History, writer: Writer, rest: Afterwards) -> None:
    """Records, scores, pictures and card, each put beside the model for itself."""
    from aezoo import bundle

    scores = run.scores
    rest.attempt(f"writing {TRAINING}", lambda: bundle.keep_record(writer, run))
    if history.broken:
        rest.attempt(f"writing {HISTORY}", lambda: writer.add(lambda stage: history.write(stage / HISTORY)))
    if scores is not None:
        rest.attempt(f"writing {METRICS}", lambda: bundle.keep_scores(writer, scores))
    rest.attempt("drawing the pictures", lambda: bundle.keep_pictures(writer, run.model, scores))
    rest.attempt("writing the card", lambda: bundle.keep_card(writer, run))


def _refuse_tiny(model: Model, batches: Batches) -> None:
    """A batch of one has no variance: batch normalization cannot train on it."""
    smallest = min(model.spec.training.batch_size, len(batches))
    if smallest > 1 or not any(isinstance(part, _BatchNorm) for part in model.network.modules()):
        return
    raise DataError(
        f"batch normalization needs at least 2 samples in a batch, this run has {smallest}",
        hint='training.batch_size = 2 or more, or norm = "group"',
    )


def _record(
    spec: Spec, place: devices.Device, workers: int, samples: Samples, rows: dict[str, Any], outcome: Outcome
) -> dict[str, Any]:
    """What only the machine knows."""
    from aezoo import __version__

    return {
        "aezoo": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **({"plugins": versions} if (versions := _plugins(spec)) else {}),
        "device": str(place.device),
        "device_why": place.why,
        "threads": workers,
        "precision": spec.training.precision,
        "seed": spec.training.seed,
        "arch": spec.arch,
        "run": spec.run,
        "data": samples.title,
        "splits": {name: len(index) for name, index in rows.items()},
        "steps": outcome.step,
        "best_step": outcome.best_step,
        "best_by": spec.training.best_by,
        "ended": outcome.why,
        "seconds": round(outcome.seconds, 3),
        "validation": outcome.validation,
        **({"command": f"aezoo train {spec.name}"} if _is_bundled(spec) else {}),
    }


def _plugins(spec: Spec) -> dict[str, str]:
    """The distributions behind the spec's parts, and their versions."""
    return dict(provider.split(">=") for provider in providers(spec).values())


def _is_bundled(spec: Spec) -> bool:
    """Whether the spec is one that everybody has, under its name."""
    return spec.name in bundled_specs() and read(spec.name).run == spec.run
