"""Laws of datasets: shapes, splits, and the same samples each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from aezoo.errors import DataError
from aezoo.spec.kinds import FileDatasetSpec
from aezoo.spec.samples import Samples
from aezoo.testing.law.definition import law
from aezoo.testing.law.rng_state import reseed, rng_state
from aezoo.testing.law.sample_files import with_sample_file
from aezoo.testing.law.under_test import PartUnderTest


@law(
    "L54",
    "dataset",
    says="Samples are [N, *shape] of uint8 or finite floats, of the declared shape; splits name rows, each once.",
    hint="let `load()` give what `sample_shape()` says; labels and factors have one row for a sample",
)
def loads(tested: PartUnderTest) -> Iterator[str]:
    for part, samples in _loaded(tested):
        declared, values = part.sample_shape(), np.asarray(samples.values)
        if not len(samples):
            yield f"{part!r}: no samples"
        if declared is not None and samples.shape != declared:
            yield f"{part!r}: it declares {list(declared)}, its samples are {list(samples.shape)}"
        if values.dtype != np.uint8 and not (values.dtype.kind == "f" and np.isfinite(values).all()):
            yield f"{part!r}: its values are {values.dtype}, or not finite"
        yield from (f"{part!r}: {fault}" for fault in _rows(samples))


def _rows(samples: Samples) -> Iterator[str]:
    for name in ("labels", "factors"):
        rows = getattr(samples, name)
        if rows is not None and len(rows) != len(samples):
            yield f"{len(rows)} {name} for {len(samples)} samples"
    if not samples.splits:
        return
    rows = np.concatenate([np.asarray(index) for index in samples.splits.values()])
    if len(rows) and (rows.min() < 0 or rows.max() >= len(samples)):
        yield f"its splits name rows up to {rows.max()} of {len(samples)} samples"
    if len(np.unique(rows)) != len(rows):
        yield "a row is in two splits"


@law(
    "L55",
    "dataset",
    says="Loaded twice the samples are the same, and another `seed` of their own gives others.",
    hint="draw from `rng(seed, ...)` of aezoo.plugin, never from a global generator; sort what a folder lists",
)
def repeats(tested: PartUnderTest) -> Iterator[str]:
    for part, samples in _loaded(tested):
        reseed(1)
        before = rng_state()
        again = part.load()
        if changed := rng_state().changed_since(before):
            yield f"{part!r}: it draws from the global generator of {', '.join(changed)}"
        if not np.array_equal(samples.values, again.values):
            yield f"{part!r}: loaded again it gives other samples"
        if isinstance(seed := getattr(part, "seed", None), int):
            others = part.model_copy(update={"seed": seed + 1}).load()
            if np.array_equal(samples.values, others.values):
                yield f"{part!r}: another seed gives the same samples"


def _loaded(tested: PartUnderTest) -> Iterator[tuple[Any, Samples]]:
    """The set of the example and its samples; nothing for one whose file is not there, and cannot be made."""
    for _, _, part in tested.occurrences:
        with TemporaryDirectory() as folder:
            dataset = with_sample_file(part, Path(folder)) if isinstance(part, FileDatasetSpec) else part
            samples = None if dataset is None else _read(dataset, made=dataset is not part)
            if samples is not None:
                yield dataset, samples


def _read(dataset: Any, *, made: bool) -> Samples | None:
    """Its samples; None where its file was made, and is not what this set reads."""
    try:
        return dataset.load()  # type: ignore[no-any-return]
    except DataError:
        if not made:
            raise
        return None


LAWS = [loads, repeats]
