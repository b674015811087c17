"""Laws of what comes before and after training: datasets, metrics, and variants, which are data themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from aezoo.building.builder import build
from aezoo.errors import AezooError, DataError
from aezoo.nn.code import Output
from aezoo.reading.reader import check
from aezoo.spec.document import Spec
from aezoo.spec.kinds import FileDatasetSpec
from aezoo.spec.samples import Samples
from aezoo.testing.generate.minimal import Document, smallest
from aezoo.testing.law.adapters import generator
from aezoo.testing.law.definition import VARIANT, law
from aezoo.testing.law.rng_state import chance, reseed
from aezoo.testing.law.sample_files import provide
from aezoo.testing.law.under_test import Subject, Variant


@law(
    "L54",
    "dataset",
    says="Samples are [N, *shape] of uint8 or finite floats, of the declared shape; splits name rows, each once.",
    hint="let `load()` give what `sample_shape()` says; labels and factors have one row for a sample",
)
def loads(subject: Subject) -> Iterator[str]:
    for part, given in _loaded(subject):
        declared, values = part.sample_shape(), np.asarray(given.values)
        if not len(given):
            yield f"{part!r}: no samples"
        if declared is not None and given.shape != declared:
            yield f"{part!r}: it declares {list(declared)}, its samples are {list(given.shape)}"
        if values.dtype != np.uint8 and not (values.dtype.kind == "f" and np.isfinite(values).all()):
            yield f"{part!r}: its values are {values.dtype}, or not finite"
        yield from (f"{part!r}: {fault}" for fault in _rows(given))


def _rows(given: Samples) -> Iterator[str]:
    for name in ("labels", "factors"):
        rows = getattr(given, name)
        if rows is not None and len(rows) != len(given):
            yield f"{len(rows)} {name} for {len(given)} samples"
    if not given.splits:
        return
    rows = np.concatenate([np.asarray(index) for index in given.splits.values()])
    if len(rows) and (rows.min() < 0 or rows.max() >= len(given)):
        yield f"its splits name rows up to {rows.max()} of {len(given)} samples"
    if len(np.unique(rows)) != len(rows):
        yield "a row is in two splits"


@law(
    "L55",
    "dataset",
    says="Loaded twice the samples are the same, and another `seed` of their own gives others.",
    hint="draw from `rng(seed, ...)` of aezoo.plugin, never from a global generator; sort what a folder lists",
)
def repeats(subject: Subject) -> Iterator[str]:
    for part, given in _loaded(subject):
        reseed(1)
        before = chance()
        again = part.load()
        if moved := chance().moved(before):
            yield f"{part!r}: it draws from the global generator of {', '.join(moved)}"
        if not np.array_equal(given.values, again.values):
            yield f"{part!r}: loaded again it gives other samples"
        if isinstance(seed := getattr(part, "seed", None), int):
            others = part.model_copy(update={"seed": seed + 1}).load()
            if np.array_equal(given.values, others.values):
                yield f"{part!r}: another seed gives the same samples"


def _loaded(subject: Subject) -> Iterator[tuple[Any, Samples]]:
    """The set of the example and its samples; nothing for one whose file is not there, and cannot be made."""
    for _, _, part in subject.placed:
        with TemporaryDirectory() as folder:
            found = provide(part, Path(folder)) if isinstance(part, FileDatasetSpec) else part
            given = None if found is None else _read(found, made=found is not part)
            if given is not None:
                yield found, given


def _read(dataset: Any, *, made: bool) -> Samples | None:
    """Its samples; None where its file was made, and is not what this set reads."""
    try:
        return dataset.load()  # type: ignore[no-any-return]
    except DataError:
        if not made:
            raise
        return None


@law(
    "L56",
    "metric",
    says="A metric is a number that does not depend on the order of the batches.",
    hint="keep sums and counts in `update`, divide in `result`; keep them on the object, not on the class",
)
def unordered(subject: Subject) -> Iterator[str]:
    if subject.example is None:
        return
    batches = list(_passes(subject.example))
    results = [_judged(subject, batches), _judged(subject, batches[::-1]), _judged(subject, batches)]
    if not all(isinstance(result, (int, float)) for result in results):
        yield f"its result is {results[0]!r}"
    elif not math.isclose(results[0], results[1], rel_tol=1e-9, abs_tol=1e-12):
        yield f"{results[0]!r} for three batches, {results[1]!r} for the same three in another order"
    elif results[0] != results[2]:
        yield f"{results[0]!r} at first, {results[2]!r} when it is built anew: it remembers"


def _passes(spec: Spec) -> Iterator[Output]:
    network = build(spec, seed=0).network.double().eval()
    low, high = spec.input.range or (-1.0, 1.0)
    for seed, n in enumerate((5, 3, 4)):
        x = low + (high - low) * torch.rand(n, *spec.input.shape, generator=generator(seed), dtype=torch.double)
        with torch.no_grad():
            yield network(x, None, generator(seed))


def _judged(subject: Subject, batches: list[Output]) -> float:
    metric = subject.metric.build(subject.example)
    for out in batches:
        metric.update(out)
    return metric.result()  # type: ignore[no-any-return]


@law(
    "L57",
    VARIANT,
    says="A small spec over the variant reads, and says what the variant says.",
    hint="write only keys of a spec; what a variant cannot know, such as `dim`, is left to the spec over it",
)
def stands(variant: Variant) -> Iterator[str]:
    registry = variant.plugin.registry
    rests: list[Document] = [{"latent": {"dim": 2}}, {}, {"latent": {"type": "deterministic", "dim": 2}}]
    rests += [{"latent": rest["latent"]} for rest in variant.plugin.rests if "latent" in rest]
    try:
        spec = smallest({"variants": [variant.name]}, registry=registry, rests=rests, lints=True)
    except AezooError as error:
        yield str(error)
        return
    missing = [key for key in variant.fragment if key not in Spec.model_fields]
    if missing:
        yield f"it fills {', '.join(missing)}, which no spec has"
    again, _ = check(spec.document(), registry=registry)
    if again != spec:
        yield "written out and read again it is another spec"


LAWS = [loads, repeats, unordered, stands]
