"""Held-out samples of a fit: opened once, split as in training, in the units of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from aezoo.data.batches import Batch, Batches, Rows
from aezoo.data.sources import check, open_samples
from aezoo.data.splits import split as split_rows
from aezoo.evaluation.units import Units
from aezoo.model import Model
from aezoo.spec.document import Spec
from aezoo.spec.samples import Samples
from aezoo.spec.shape import flat

Split = Literal["train", "validation", "test"]
#: Samples of each split that figures are of, at most, evenly spaced; and values of them all.
MOST: dict[Split, int] = {"train": 20_000, "validation": 2000, "test": 5000}
VALUES = 1 << 26
#: Samples in one pass.
PASS = 256


@dataclass(frozen=True)
class HeldOut:
    """The samples of a fit.

    Attributes:
        spec: Of any of its candidates: they have one input and one split.
        samples: All of them.
        rows: Of each split.
    """

    spec: Spec
    samples: Samples
    rows: dict[str, Rows]

    @classmethod
    def of(cls, spec: Spec) -> HeldOut:
        """The samples of a spec's data. Raises `DataError`, `NotFound`."""
        samples = open_samples(None, spec, seed=spec.training.seed)
        check(samples, spec)
        return cls(spec, samples, split_rows(samples, spec.data, spec.training.seed))

    def rows_of(self, split: Split) -> Rows:
        """The samples of a split that figures are of."""
        rows = self.rows[split]
        most = min(MOST[split], max(100, VALUES // flat(self.samples.shape)))
        return rows if len(rows) <= most else rows[np.arange(most) * len(rows) // most]

    def batch(self, split: Split) -> Batch:
        """These samples and their fields, in data units."""
        batches = Batches(self.samples, self.spec, self.rows_of(split))
        return batches.head(len(batches))

    def known(self, batch: Batch) -> Tensor | None:
        """Which values are not missing: [N, F]; None where none is."""
        observed = batch.fields.get("observed")
        return None if observed is None else observed.flatten(1) == 1

    def labels(self, split: Split) -> Tensor | None:
        """The classes of these samples, numbered from 0 on; None without labels."""
        if (labels := self.samples.fields.get("label")) is None:
            return None
        _, numbered = np.unique(np.asarray(labels), return_inverse=True)
        return torch.from_numpy(np.asarray(numbered, np.int64).reshape(-1)[self.rows_of(split)])

    @cached_property
    def classes(self) -> tuple[int | None, ...]:
        """How many classes each value has; None of a number."""
        domains = self.spec.target_domains
        if not domains:
            return (None,) * flat(self.spec.input.shape)
        return tuple(int(d.high) + 1 if d.whole and np.isfinite(d.high) else None for d in domains)


def reconstructed(model: Model, batch: Batch) -> Tensor:
    """What a model makes of samples: [N, *input], in data units, float64."""
    device = model.device
    with torch.inference_mode():
        parts = [
            model.network.reconstruct(part.x.to(device), {k: v.to(device) for k, v in part.fields.items()})
            for part in batch.cut(PASS)
        ]
    return torch.cat([part.cpu().double() for part in parts])


def encoded(model: Model, batch: Batch) -> Tensor:
    """The codes of samples: [N, D], float64."""
    device = model.device
    with torch.inference_mode():
        parts = [
            getattr(
                model.network.encode(part.x.to(device), fields={k: v.to(device) for k, v in part.fields.items()}),
                model.network.point,
            )
            for part in batch.cut(PASS)
        ]
    return torch.cat([part.flatten(1).cpu().double() for part in parts])


def in_units(model: Model, x: Tensor) -> Tensor:
    """Samples in units of the loss: [N, F], float64."""
    with torch.inference_mode():
        return Units(model.network).of_data(x).flatten(1).clone()
