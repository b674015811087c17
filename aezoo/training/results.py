"""The results of a run: what follows its last step, the weights first and the rest where it can be done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from aezoo.data.batches import Batches
from aezoo.errors import AezooError, Interrupted, RunFailed
from aezoo.evaluation.scores import Scores, evaluate_split
from aezoo.model import Model
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.distributed import by_itself
from aezoo.storage.layout import METRICS, TRAINING
from aezoo.storage.writer import HISTORY, Writer
from aezoo.training.failures import FailureCollector
from aezoo.training.history import History
from aezoo.training.outcome import Outcome
from aezoo.training.setup import FIT_ROWS, Setup
from aezoo.training.signals import Stop


@dataclass(frozen=True)
class Run:
    """What a training gave.

    Attributes:
        model: Trained, with the weights that `training.best_by` chose.
        scores: On the test split, or None where there is none.
        record: What only this run knows: device, seed, versions, time.
        history: Every record of `metrics.jsonl`.
        out: The folder that holds it all, or None.
        already_finished: Whether it was at its end before it was asked for: nothing was done.
        auxiliary_state: The state of what only training needs, of the same step: critics, running means of penalties.
    """

    model: Model
    record: dict[str, Any]
    scores: Scores | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    out: Path | None = None
    auxiliary_state: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)
    already_finished: bool = False


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


def evaluate_and_report(trained: Trained, setup: Setup, writer: Writer | None, stop: Stop) -> Run:
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
        with by_itself():  # of several processes the first one writes
            _write_reports(run, history, folder, failures)
    failures.raise_first(run, saved.message)
    return run


def restore(model: Model, outcome: Outcome) -> None:
    """Give the model the weights that were chosen, in evaluation mode."""
    network = model.network.eval()
    current = network.state_dict()
    for name, value in outcome.state.items():
        # A buffer that changed its shape in training: `load_state_dict` would raise here, before the weights are saved.
        if name in current and current[name].shape != value.shape:
            module, _, buffer = name.rpartition(".")
            setattr(network.get_submodule(module), buffer, value)
    network.load_state_dict(outcome.state)


def save_weights(run: Run, outcome: Outcome, writer: Writer | None) -> SavedWeights:
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
    chunks = batches.spaced(FIT_ROWS, 256)
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
