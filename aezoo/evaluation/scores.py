"""evaluate: a model and a split -> Scores, side by side with those of linear baselines."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from aezoo.data.batches import Batches, Rows
from aezoo.data.fields import Fields, with_fields
from aezoo.data.pulled_paths import reaches_out, refuse_outside
from aezoo.data.sources import Source, check, open_samples
from aezoo.data.splits import split as split_rows
from aezoo.diagnosis.diagnosis import diagnose_model
from aezoo.diagnosis.finding import Finding
from aezoo.errors import DataError, DataWarning, UsageError
from aezoo.evaluation.evaluator import Evaluator, Examples, Table
from aezoo.evaluation.units import Name
from aezoo.hardware import device as devices
from aezoo.model import Model
from aezoo.nn.modes import evaluating
from aezoo.reading.reader import check as check_spec
from aezoo.registry.attribution import attributed
from aezoo.registry.loader import default_registry
from aezoo.spec.document import Spec
from aezoo.spec.limits import LIMITS_IN_USE
from aezoo.spec.samples import Samples
from aezoo.spec.shape import flat

#: How many samples the baselines are fitted to, at most.
FIT_ROWS = 20_000
#: Values of a batch that they are fitted to.
FIT_VALUES = 2**22


@dataclass(frozen=True)
class Scores:
    """How good a model is, and how good simpler ones are.

    Attributes:
        metrics: Every metric that applies to the spec. With a corruption also `denoising_squared_error` and
            `denoising_psnr`: of the reconstruction from corrupted input, against the clean.
        baseline: The same metrics of `pca`, `noisy input`, `wiener` and, of inputs with a range, `wiener_clipped`: the
            same filter with its estimates clipped to the range; where each applies.
        dataset: Where the samples came from.
        split: `train`, `validation`, `test`, or `all`.
        n: How many samples.
        seed: Of latent noise and corruption.
        versions: Of aezoo and torch.
        units: Of `squared_error`, `mse` and `fvu`, of the model and the baselines: those of the loss.
        findings: What is wrong with the model, and what to do: see `aezoo.diagnosis`.
        examples: For pictures.
    """

    metrics: Table
    baseline: dict[str, Table]
    dataset: str
    split: str
    n: int
    seed: int
    versions: dict[str, str]
    units: Name = "data"
    findings: tuple[Finding, ...] = ()
    examples: Examples | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """All but the examples, as JSON has it: what is not finite is null, and named under `not_finite`."""
        broken = {name: str(value) for name, value in self.metrics.items() if not math.isfinite(value)}
        return {
            "metrics": _jsonable(self.metrics),
            **({"not_finite": broken} if broken else {}),
            "baseline": {name: _jsonable(row) for name, row in self.baseline.items()},
            "dataset": self.dataset,
            "split": self.split,
            "n": self.n,
            "seed": self.seed,
            "units": self.units,
            "versions": self.versions,
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def finite(self) -> Table:
        """The metrics that are numbers."""
        return {name: value for name, value in self.metrics.items() if math.isfinite(value)}


@attributed()
def evaluate(
    model: Model,
    data: Source = None,
    *,
    split: str = "test",
    device: str | None = None,
    seed: int = 0,
    fields: Fields | None = None,
    metrics: Sequence[str | Mapping[str, Any]] = (),
    batch_size: int | None = None,
) -> Scores:
    """Evaluate a model on one split of its data, side by side with linear baselines fitted to the training split.

    Args:
        model: What is evaluated.
        data: Instead of the spec's `data`: a path, an array [N, *input] or a tensor, or what else `train` takes;
            split as in training.
        split: `train`, `validation` or `test`; `all` for every sample, with baselines from the spec's own data.
        device: Where to compute; by default where the model is.
        seed: Of latent noise and corruption.
        fields: What goes along with the samples, beside or in place of what the data hold.
        metrics: Beside those that apply by themselves and those of the spec: names, or tables as a spec has them.
        batch_size: Samples in one pass; by default as many as hold 1 GiB at once, and 256 at most.

    Raises:
        DataError: The data are not what the spec says, or have no such split.
        NotFound: There are no such data.
        Refused: The model was pulled, and its own data would be a file outside of the working folder.
        SpecError: A metric is not there, or means nothing for this model.
        UsageError: `model` is none, or it has no such field.
    """
    if not isinstance(model, Model):
        raise UsageError(f"model is a {type(model).__name__}", hint="pass aezoo.load(...) of its folder or name")
    if device is not None:
        model.to(devices.choose(device).device)
    spec = _with_metrics(model.spec, metrics)
    if data is None:
        refuse_outside(spec, pulled=model.pulled)
    samples = with_fields(open_samples(data, spec, seed=spec.training.seed), fields, spec)
    check(samples, spec)
    if split == "all":
        rows, training = np.arange(len(samples)), _own_training_split(model, samples, own=data is None)
        evaluator = Evaluator(model, Batches(samples, spec, rows, device=model.device), seed, batch_size, spec=spec)
        return _scores(evaluator, samples, split, training)
    parts = split_rows(samples, spec.data, spec.training.seed)
    return evaluate_split(model, samples, parts, split, seed=seed, batch_size=batch_size, spec=spec)


def evaluate_split(
    model: Model,
    samples: Samples,
    rows: Mapping[str, Rows],
    split: str = "test",
    *,
    seed: int = 0,
    batch_size: int | None = None,
    spec: Spec | None = None,
) -> Scores:
    """Evaluate a model on one split of samples that were opened, checked and split already, as in its training.

    Args:
        model: What is evaluated.
        samples: All of them, checked by `check`.
        rows: Of each split.
        split: The one that is evaluated.
        seed: Of latent noise and corruption.
        batch_size: Samples in one pass; by default as many as hold 1 GiB at once, and 256 at most.
        spec: The model's, with more metrics.

    Raises:
        DataError: There is no such split.
    """
    if not len(rows.get(split, ())):
        known = ", ".join(name for name, part in rows.items() if len(part))
        raise DataError(f"{samples.source}: there is no {split} split", hint=f"there are: {known}, all")
    batches = Batches(samples, model.spec, rows[split], device=model.device)
    evaluator = Evaluator(model, batches, seed, batch_size, spec=spec)
    training = _training_batches(model.spec, samples, rows["train"])
    return _scores(evaluator, samples, split, training, samples.title_at(int(rows[split][0])))


def _with_metrics(spec: Spec, metrics: Sequence[str | Mapping[str, Any]]) -> Spec:
    """The spec with more metrics, checked as if they stood in it."""
    if not metrics:
        return spec
    if isinstance(metrics, str):
        metrics = (metrics,)
    document = spec.document()
    return check_spec({**document, "metrics": [*document.get("metrics", []), *metrics]}, limits=LIMITS_IN_USE)[0]


def _scores(evaluator: Evaluator, samples: Samples, split: str, training: Batches | None, title: str = "") -> Scores:
    # Of wide samples fewer at a time: moments take several copies of a batch in float64.
    size = max(1, min(1024, FIT_VALUES // flat(samples.shape)))
    passes = None if training is None else partial(training.sequential, size)
    with evaluating(evaluator.model.network), torch.inference_mode():
        metrics = evaluator.metrics(default_registry(), passes)
        samples_of = None if passes is None else lambda: (batch.x for batch in passes())
        compared = evaluator.compare(samples_of, 0 if training is None else len(training))
        metrics |= compared.pop("", {})
        _warn_of_not_finite(metrics, samples.source)
        figures = evaluator.figures(training if split != "train" else None, metrics, compared)
        return Scores(
            metrics=metrics,
            baseline=compared,
            dataset=title or samples.title,
            split=split,
            n=len(evaluator.batches),
            seed=evaluator.seed,
            versions=_versions(),
            units=evaluator.units.name,
            findings=tuple(diagnose_model(evaluator.spec, figures)),
            examples=evaluator.examples(),
        )


def _own_training_split(model: Model, samples: Samples, *, own: bool) -> Batches | None:
    """The training split of the spec's own data; None if it has none, or a pulled model's lie outside the folder."""
    spec = model.spec
    if not own:
        if spec.data is None or (model.pulled and reaches_out(spec)):
            return None
        samples = open_samples(None, spec, seed=spec.training.seed)
    return _training_batches(spec, samples, split_rows(samples, spec.data, spec.training.seed)["train"])


def _training_batches(spec: Spec, samples: Samples, rows: Rows) -> Batches:
    """What baselines and metrics are fitted to: evenly spaced samples of the training split."""
    if len(rows) > FIT_ROWS:
        rows = rows[np.arange(FIT_ROWS) * len(rows) // FIT_ROWS]
    return Batches(samples, spec, rows)


def _warn_of_not_finite(metrics: Table, source: str) -> None:
    broken = ", ".join(f"{name} ({value})" for name, value in metrics.items() if not math.isfinite(value))
    if broken:
        message = f"{source}: not finite, and no numbers to compare by: {broken}"
        hint = "values beyond the scale of the training data, or that never vary, make them so; score names samples"
        warnings.warn(DataWarning(message, hint), stacklevel=3)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"aezoo": version("aezoo"), "torch": str(torch.__version__)}


def _jsonable(table: Table) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in table.items()}
