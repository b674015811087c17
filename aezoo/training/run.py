"""train: a spec and its data -> a Run: trained, judged, and kept in a folder if one is named."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from aezoo.batches import Batches
from aezoo.blame import attributed
from aezoo.builder import build, objective_of
from aezoo.bundled import bundled_specs
from aezoo.data import check, open_samples, restated, split
from aezoo.errors import DataError, Interrupted, Refused
from aezoo.evaluation.scores import Scores, evaluate
from aezoo.manifest import providers
from aezoo.model import Model
from aezoo.reader import Source, read
from aezoo.samples import Samples
from aezoo.spec.document import Spec
from aezoo.spec.player import turns_of
from aezoo.training import device as devices
from aezoo.training.history import History
from aezoo.training.loop import Loop, Outcome
from aezoo.training.preparation import prepare
from aezoo.training.progress import Progress

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

    Args:
        source: A spec, or what `read` takes.
        data: Instead of the spec's `data`: a path, an array [N, *input] or a tensor. The model's spec says so.
        out: The model's folder, to be made. An existing one is refused unless `force`.
        device: `auto`, `cpu`, `cuda:1` ...
        seed: Instead of the spec's.
        threads: Of the CPU; torch's own number by default. Another number may round differently.
        force: Whether an existing folder may be replaced.
        progress: Is shown the losses while it works.

    Raises:
        RunFailed: A loss turned not finite; the last good weights are in `out`.
        Interrupted: By Ctrl-C; the best weights so far are in `out`.
        DataError, NotFound, Refused, SpecError: Before the first step.
    """
    spec = source if isinstance(source, Spec) else read(source)
    if seed is not None:
        spec = read(spec.document(), overrides=[f"training.seed={seed}"])
    spec = restated(spec, data)
    folder = _claim(out, force=force)
    workers = devices.prepare(threads=threads)
    place = devices.choose(device)
    samples = open_samples(data, spec, seed=spec.training.seed)
    check(samples, spec)
    rows = split(samples, spec.data, seed=spec.training.seed)
    batches = {name: Batches(samples, spec, index, device=place.device) for name, index in rows.items() if len(index)}

    model = build(spec).to(place.device)
    _refuse_tiny(model, batches["train"])
    if spec.input.normalize == "standardize":
        model.network.normalizer.fit(batches["train"].head(FIT_ROWS))  # type: ignore[operator]
    steps = spec.training.total_steps(batches["train"].steps_per_epoch(spec.training.batch_size))
    objective = objective_of(model, steps=steps).to(place.device).train()
    if spec.training.precision == "float64":
        objective.double()
    prepare(objective, batches["train"], spec.training)
    history = History(folder / "metrics.jsonl" if folder else None)
    loop = Loop(
        objective,
        spec.training,
        batches["train"],
        validation=batches.get("validation"),
        steps=steps,
        history=history,
        progress=progress,
        turns=turns_of(spec.objective),
    )
    try:
        outcome = loop.run()
    finally:
        history.close()
    model.network.load_state_dict(outcome.state)
    model.network.eval()
    _fit_prior(model, batches["train"])
    record = _record(spec, place, workers, samples, rows, outcome)
    scores, failure = None, outcome.failure
    if len(rows.get("test", ())) and failure is None:
        try:
            scores = evaluate(model, data)
        except KeyboardInterrupt:
            failure = Interrupted("interrupted while the trained model was judged; its weights are kept")
    run = Run(model, record, scores, history.records, folder, outcome.beside)
    if folder:
        _save(run, folder)
    if failure:
        raise failure
    return run


def _claim(out: str | Path | None, *, force: bool) -> Path | None:
    """The folder, made; refused before any work if something is there."""
    if out is None:
        return None
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder} is a file, not a folder", hint="name another --out")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise Refused(f"{folder} exists and is not empty", hint="name another --out, or --force replaces it")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.jsonl").unlink(missing_ok=True)
    return folder


def _refuse_tiny(model: Model, batches: Batches) -> None:
    """A batch of one has no variance: batch normalization cannot train on it."""
    smallest = min(model.spec.training.batch_size, len(batches))
    if smallest > 1 or not any(isinstance(part, _BatchNorm) for part in model.network.modules()):
        return
    raise DataError(
        f"batch normalization needs at least 2 samples in a batch, this run has {smallest}",
        hint='training.batch_size = 2 or more, or norm = "group"',
    )


@torch.no_grad()
def _fit_prior(model: Model, batches: Batches) -> None:
    if model.network.prior is None:
        return
    x = batches.head(FIT_ROWS)
    codes = [getattr(model.network.encode(chunk), model.network.point) for chunk in torch.split(x, 256)]
    model.network.prior.fit(torch.cat(codes))


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


def _save(run: Run, folder: Path) -> None:
    from aezoo.bundle import save

    save(run.model, folder, scores=run.scores, run=run, force=True)
