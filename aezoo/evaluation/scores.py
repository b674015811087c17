"""evaluate: a model and a split -> Scores, side by side with those of linear baselines."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from aezoo.batches import Batches, Rows
from aezoo.blame import attributed
from aezoo.data import Source, check, open_samples
from aezoo.data import split as split_rows
from aezoo.errors import DataError
from aezoo.evaluation.baselines import Batched
from aezoo.evaluation.judge import Examples, Judge, Table
from aezoo.model import Model, evaluating
from aezoo.samples import Samples
from aezoo.spec.document import Spec
from aezoo.training import device as devices

#: How many samples the baselines are fitted to, at most.
FIT_ROWS = 20_000


@dataclass(frozen=True)
class Scores:
    """How good a model is, and how good simpler ones are.

    Attributes:
        metrics: Every metric that means something for the spec. With a corruption also `denoising_squared_error`
            and `denoising_psnr`: of what is reconstructed from corrupted input, against the clean.
        baseline: The same metrics of `pca`, `noisy input` and `wiener`, where each applies.
        dataset: Where the samples came from.
        split: `train`, `validation`, `test`, or `all`.
        n: How many samples.
        seed: Of latent noise and corruption.
        versions: Of what computed it.
        examples: For pictures.
    """

    metrics: Table
    baseline: dict[str, Table]
    dataset: str
    split: str
    n: int
    seed: int
    versions: dict[str, str]
    examples: Examples | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """All but the examples, as JSON has it: what is not finite is null."""
        return {
            "metrics": _jsonable(self.metrics),
            "baseline": {name: _jsonable(row) for name, row in self.baseline.items()},
            "dataset": self.dataset,
            "split": self.split,
            "n": self.n,
            "seed": self.seed,
            "versions": self.versions,
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
    batch_size: int = 256,
) -> Scores:
    """Judge a model on one split of its data, side by side with linear baselines fitted to the training split.

    Args:
        model: What is judged.
        data: Instead of the spec's `data`: a path, an array [N, *input] or a tensor; split as in training.
        split: `train`, `validation` or `test`; `all` for every sample, with baselines from the spec's own data.
        device: Where to compute; by default where the model is.
        seed: Of latent noise and corruption.
        batch_size: Samples in one pass.

    Raises:
        DataError: The data are not what the spec says, or have no such split.
        NotFound: There are no such data.
    """
    if device is not None:
        model.to(devices.choose(device).device)
    spec = model.spec
    samples = open_samples(data, spec, seed=spec.training.seed)
    check(samples, spec)
    judged = Batches(samples, spec, _rows(samples, spec, split), device=model.device)
    with evaluating(model.network), torch.inference_mode():
        judge = Judge(model, judged, seed, batch_size)
        metrics, compared = judge.metrics(), judge.compare(_fitting(spec, samples, split, own=data is None))
        return Scores(
            metrics={**metrics, **compared.pop("", {})},
            baseline=compared,
            dataset=samples.title,
            split=split,
            n=len(judged),
            seed=seed,
            versions=_versions(),
            examples=judge.examples(),
        )


def _rows(samples: Samples, spec: Spec, name: str) -> Rows:
    if name == "all":
        return np.arange(len(samples))
    parts = split_rows(samples, spec.data, spec.training.seed)
    if not len(parts.get(name, ())):
        known = ", ".join(part for part, rows in parts.items() if len(rows))
        raise DataError(f"{samples.source}: there is no {name} split", hint=f"there are: {known}, all")
    return parts[name]


def _fitting(spec: Spec, samples: Samples, name: str, *, own: bool) -> Batched | None:
    """What baselines are fitted to: the training split, thinned out; None if it is not at hand."""
    if name == "all" and not own:
        if spec.data is None:
            return None
        samples = open_samples(None, spec, seed=spec.training.seed)
    rows = split_rows(samples, spec.data, spec.training.seed)["train"]
    if len(rows) > FIT_ROWS:
        rows = rows[np.arange(FIT_ROWS) * len(rows) // FIT_ROWS]
    return partial(Batches(samples, spec, rows).sequential, 1024)


def _versions() -> dict[str, str]:
    from aezoo import __version__

    return {"aezoo": __version__, "torch": str(torch.__version__)}


def _jsonable(table: Table) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in table.items()}
