"""The set-up of a run: its data opened, checked and split, and a model and a loop that are ready for the first step."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from aezoo.building.builder import build, objective_of
from aezoo.data.batches import Batch, Batches, Rows
from aezoo.data.fields import Fields, with_fields
from aezoo.data.sources import check, open_samples
from aezoo.data.splits import split
from aezoo.data.values import warn_of_precision
from aezoo.diagnosis.data_figures import data_figures
from aezoo.diagnosis.diagnosis import diagnose_data
from aezoo.diagnosis.finding import Finding, FindingWarning
from aezoo.errors import DataError
from aezoo.hardware import device as devices
from aezoo.model import Model
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.objective import Objective
from aezoo.spec.document import Spec
from aezoo.spec.domain import whole
from aezoo.spec.kinds import turns_of
from aezoo.spec.samples import Samples
from aezoo.training.arithmetic import Choice
from aezoo.training.compilation import refuse_no_compiler
from aezoo.training.distributed.agreement import Agreement
from aezoo.training.distributed.dealing import dealt_out
from aezoo.training.history import History
from aezoo.training.initial_weights import Start
from aezoo.training.loop import Loop
from aezoo.training.mapped_files import MappedFiles
from aezoo.training.parameter_groups import refuse_empty
from aezoo.training.preparation import prepare
from aezoo.training.preview import Preview
from aezoo.training.progress import Progress
from aezoo.training.signals import Stop
from aezoo.training.states.checkpointing import StateKeeper

#: Rows whose mean and variance a normalizer takes, and whose codes a prior is fitted to.
FIT_ROWS = 100_000
#: Bytes of samples that are held at once to take moments of, where they are not in memory anyway.
HELD = 256 << 20


class Setup(NamedTuple):
    """The data of a run, opened, checked and split, and the device that it computes on.

    Attributes:
        samples: All of them.
        rows: Of each split.
        batches: Of each split that has samples.
        mapped_files: The files that the samples are mapped from.
        device: Where the run computes.
        threads: Of the CPU.
        findings: What is wrong with the training split, in view of the spec.
        choice: The arithmetic of a spec that asks for a fast one; None: float32, or as the spec says.
    """

    samples: Samples
    rows: dict[str, Rows]
    batches: dict[str, Batches]
    mapped_files: MappedFiles
    device: devices.Device
    threads: int
    findings: tuple[Finding, ...] = ()
    choice: Choice | None = None


def set_up(
    spec: Spec,
    data: Any = None,
    fields: Fields | None = None,
    device: str = "cpu",
    threads: int | None = None,
    workers: int | None = None,
) -> Setup:
    """Open, check and split the data, once for the whole run."""
    n_threads = devices.prepare(threads=threads)
    chosen = devices.choose(device)
    samples = with_fields(open_samples(data, spec, seed=spec.training.seed, trained=True), fields, spec)
    check(samples, spec)
    warn_of_precision(samples, spec)
    mapped_files = MappedFiles(samples.values)
    rows = split(samples, spec.data, seed=spec.training.seed)
    batches = {
        name: Batches(samples, spec, part, device=chosen.device, workers=workers)
        for name, part in rows.items()
        if len(part)
    }
    findings = _diagnosed(spec, batches["train"], as_bytes=samples.values.dtype == np.uint8)
    return Setup(samples, rows, batches, mapped_files, chosen, n_threads, findings)


def _diagnosed(spec: Spec, batches: Batches, *, as_bytes: bool) -> tuple[Finding, ...]:
    """What is wrong with the training split, of which a warning is given."""
    if not spec.reconstructs or spec.input.observed is not None or spec.mask is not None:  # gaps are no values
        return ()
    findings = diagnose_data(spec, data_figures(spec, batches, as_bytes=as_bytes))
    for finding in findings:
        warnings.warn(FindingWarning(str(finding)), stacklevel=4)
    return tuple(findings)


def assemble(
    spec: Spec,
    setup: Setup,
    history: History,
    progress: Progress | None,
    stop: Stop,
    checkpoints: StateKeeper | None = None,
    start: Start | None = None,
    preview: Path | None = None,
    agreement: Agreement | None = None,
) -> tuple[Model, Loop]:
    """The model, ready for its first step, and the loop that trains it.

    Args:
        spec: What is trained.
        setup: Its data, and where it computes.
        history: Takes the records.
        progress: Is shown the losses.
        stop: Whether the user asked to stop.
        checkpoints: Takes the states.
        start: Weights to begin with.
        preview: Where pictures of reconstructions go, renewed at each validation.
        agreement: Of several processes: each takes its share of the batches.
    """
    batches = setup.batches
    model = _new_model(spec, setup)
    if start:
        start.give(model.network)
    steps = spec.training.total_steps(batches["train"].steps_per_epoch(spec.training.batch_size))
    objective = _prepared_objective(model, batches["train"], steps)
    refuse_empty(spec, objective)
    _refuse_no_validation(spec, batches)
    if start:  # again: parts that are prepared from data see its weights, and do not write over them
        start.give(model.network)
    if agreement:
        batches = dealt_out(objective, batches, spec.training, agreement.ranks)
        stop, checkpoints = agreement.stop, agreement.keeper
    if setup.choice:
        setup.choice.arithmetic.set(objective)
    loop = Loop(
        objective,
        spec.training,
        batches["train"],
        validation=batches.get("validation"),
        steps=steps,
        history=history,
        progress=progress,
        turns=turns_of(spec),
        stop=stop,
        checkpoints=checkpoints,
        preview=Preview(model, batches, preview).draw if preview else None,
        agreement=agreement,
    )
    return model, loop


def _new_model(spec: Spec, setup: Setup) -> Model:
    """The model on its device, with the moments of the training split if it standardizes."""
    batches = setup.batches["train"]
    if spec.training.compile:
        refuse_no_compiler(setup.device.device)
    model = build(spec).to(setup.device.device)
    if spec.training.channels_last or (setup.choice and setup.choice.arithmetic.channels_last):
        model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    _refuse_batches_of_one(model, batches)
    if spec.input.normalize == "standardize":
        if batches.too_large(FIT_ROWS, HELD):
            _fit_moments_in_parts(model.network, spec, batches)
        else:
            fit_moments(model.network, spec, batches.head(FIT_ROWS))
    return model


def _fit_moments_in_parts(network: Autoencoder, spec: Spec, batches: Batches) -> None:
    """The same for samples that are too many to be held: one batch after another, which rounds otherwise."""
    parts = (
        (batch.x, None if network.observed is None else batch.fields[network.observed])
        for batch in batches.spaced(FIT_ROWS, 256)
    )
    network.normalizer.fit_in_parts(parts, whole(*spec.input_domains))  # type: ignore[operator]
    if network.target is not None:
        name, mask = network.target, network.mask
        targets = (
            (batch.fields[name], None if mask is None else batch.fields[mask])
            for batch in batches.spaced(FIT_ROWS, 256)
        )
        network.target_normalizer.fit_in_parts(targets, whole(spec.target_domains))  # type: ignore[operator]


def fit_moments(network: Autoencoder, spec: Spec, batch: Batch) -> None:
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


def _refuse_batches_of_one(model: Model, batches: Batches) -> None:
    """Batch normalization cannot train on a batch of one sample: it has no variance."""
    if not any(isinstance(part, _BatchNorm) for part in model.network.modules()):
        return
    training = model.spec.training
    passes = (rows // -(-rows // (training.most_in_a_pass or rows)) for rows in batches.sizes(training.batch_size))
    if (smallest := min(passes)) > 1:
        return
    raise DataError(
        f"batch normalization needs at least 2 samples in a pass, this run has {smallest}",
        hint='training.batch_size = 2 or more, training.micro_batch = 3 or more, or norm = "group"',
    )


def _refuse_no_validation(spec: Spec, batches: Mapping[str, Batches]) -> None:
    """Refuse a validation every so many steps where nothing is held out: means of training are those of an epoch."""
    if spec.training.validate_every is not None and "validation" not in batches:
        message = f"training.validate_every = {spec.training.validate_every}: no sample is held out for validation"
        raise DataError(message, hint="data.validation = 0.1, or leave training.validate_every out")
