"""Facts: what samples are, as far as a look at some thousands of them tells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from aezoo.data.stores import chunks
from aezoo.errors import DataError
from aezoo.fitting.classes import density_of
from aezoo.fitting.dimensions import components, intrinsic
from aezoo.fitting.source import described
from aezoo.spec.description import Column, Description
from aezoo.spec.kinds import DatasetSpec
from aezoo.spec.samples import Array, Samples
from aezoo.spec.shape import Shape, flat, text

Kind = Literal["table", "vector", "signal", "image", "volume"]
#: Samples that are looked at, evenly spaced, and values of them all.
ROWS, VALUES = 2000, 1 << 24
#: Values that are searched for gaps at once.
CHUNK = 1 << 22
#: Fewer samples than these cannot be split into three parts that mean anything.
FEWEST = 20
#: What reads columns of words.
NEEDED = "a plugin with a density for classes"
#: Shares of the variance for which principal components are counted.
SHARES = (0.9, 0.95, 0.99)
#: The least side of an array that may be an image, and how many times longer the other one is at most.
SIDE, LONGER = 8, 4


@dataclass(frozen=True)
class Facts:
    """What samples are.

    Attributes:
        source: How they are called.
        dataset: What reads them.
        description: What their source says of itself.
        kind: What one sample is.
        n: How many there are.
        shape: Of one, as a spec's input.
        stored: The type of their values: uint8, float32.
        least: The smallest value.
        most: The largest.
        deviation: Root mean square deviation of a value about its mean over samples.
        spread: Largest deviation of a value over the smallest, of those that vary.
        constant: How many values never change.
        gaps: Share of the values that are missing.
        binary: Whether all values are 0 or 1.
        linear: Principal components that have 90, 95 and 99 % of the variance, by the share.
        intrinsic: Dimension by nearest neighbours; NaN where it cannot be told.
    """

    source: str
    dataset: DatasetSpec
    description: Description
    kind: Kind
    n: int
    shape: Shape
    stored: str
    least: float
    most: float
    deviation: float
    spread: float
    constant: int
    gaps: float
    binary: bool
    linear: Mapping[float, int]
    intrinsic: float

    @property
    def width(self) -> int:
        """How many values a sample has."""
        return flat(self.shape)

    @property
    def words(self) -> tuple[Column, ...]:
        """The columns of words among those that are read."""
        return tuple(column for column in self.description.columns if column.holds == "words")


def look(
    data: str | Path,
    *,
    label: str | None = None,
    settings: Sequence[str] = (),
    words: bool | None = None,
    seed: int = 0,
) -> Facts:
    """What the samples of a file, a folder or a bundled set are.

    Args:
        data: A path, or the name of a bundled set.
        label: What is known of the samples and is no input.
        settings: How they are read, where that is not as their source suggests: `data.decimal=,`.
        words: Whether columns of words are read, or left out; by default they are where an installed plugin has a
            density for them.
        seed: Passed to the dataset.

    Raises:
        NotFound, UsageError: There is no such file, or nothing reads it.
        SpecError: This kind of data has no such settings.
        DataError: It cannot be read, or nothing can be learnt of it.
    """
    dataset, description = described(data, label=label, settings=settings)
    in_words = any(column.holds == "words" for column in description.columns)
    if in_words and not (density_of(description.columns) if words is None else words):
        dataset, description = _without_words(dataset, description)
    samples = dataset.load(shape=description.shape, seed=seed)
    if _has_gaps(samples, dataset):
        dataset = dataset.model_copy(update={"missing": "mask"})
        with_gaps = {**description.settings, "missing": "mask"}
        reasons = {**description.reasons, "missing": "values that are NaN are missing"}
        description = replace(description, settings=with_gaps, reasons=reasons)
        samples = dataset.load(shape=description.shape, seed=seed)
    return facts_of(samples, dataset, description)


def _has_gaps(samples: Samples, dataset: DatasetSpec) -> bool:
    """Whether values are NaN that the dataset could read as gaps, and does not yet."""
    if getattr(dataset, "missing", "mask") is not None or samples.values.dtype.kind != "f":
        return False
    return any(bool(np.isnan(part).any()) for _, part in chunks(samples.values, CHUNK))


def facts_of(samples: Samples, dataset: DatasetSpec, description: Description | None = None) -> Facts:
    """What samples are that were loaded. Raises `DataError` where nothing can be learnt of them."""
    description = description or Description()
    if len(samples) < FEWEST:
        raise DataError(f"{samples.source}: {len(samples)} samples are too few to fit and judge a model",
                        hint=f"give {FEWEST} or more, better some hundreds")  # fmt: skip
    kind, shape = _kind(samples, description)
    rows = _rows(len(samples), flat(shape))
    values = np.asarray(samples.values[rows])
    known = np.asarray(samples.fields["observed"][rows]) == 1 if "observed" in samples.fields else None
    x = values.reshape(len(rows), -1).astype(np.float64)
    seen = np.ones_like(x, bool) if known is None else known.reshape(x.shape)
    return _looked_at(samples, dataset, description, kind, shape, x, seen)


def _looked_at(
    samples: Samples,
    dataset: DatasetSpec,
    description: Description,
    kind: Kind,
    shape: Shape,
    x: Array,
    seen: Array,
) -> Facts:
    if not np.isfinite(x[seen]).all():
        raise DataError(f"{samples.source}: values are NaN or infinite", hint="fill them in, or leave their rows out")
    if samples.values.dtype == np.uint8:
        x = x / 255
    counts = seen.sum(axis=0).clip(1)
    means = (x * seen).sum(axis=0) / counts
    deviations = np.sqrt((((x - means) * seen) ** 2).sum(axis=0) / counts)
    varies = deviations > 1e-12 * max(1.0, float(np.abs(means).max()))
    if not varies.any():
        raise DataError(f"{samples.source}: no value differs between {len(samples):,} samples", hint="give other data")
    filled = np.where(seen, x, means)
    by_column = kind in ("table", "vector")
    scaled = (filled - means)[:, varies] / (deviations[varies] if by_column else 1.0)
    values = x[seen]
    return Facts(
        source=samples.title,
        dataset=dataset,
        description=description,
        kind=kind,
        n=len(samples),
        shape=shape,
        stored=str(samples.values.dtype),
        least=float(values.min()),
        most=float(values.max()),
        deviation=float(np.sqrt((deviations**2).mean())),
        spread=float(deviations[varies].max() / deviations[varies].min()),
        constant=int((~varies).sum()),
        gaps=float(1 - seen.mean()),
        binary=bool(np.isin(values, (0.0, 1.0)).all()),
        linear=dict(zip(SHARES, components(scaled, SHARES), strict=True)),
        intrinsic=intrinsic(scaled),
    )


def _rows(n: int, width: int) -> Array:
    count = min(n, ROWS, max(FEWEST, VALUES // width))
    return np.arange(count) * n // count


def _kind(samples: Samples, description: Description) -> tuple[Kind, Shape]:
    """What a sample is, and its shape in a spec. Raises `DataError` for what is none."""
    shape = samples.shape
    if len(shape) == 1:
        return ("table" if description.columns else "vector"), shape
    if len(shape) == 2:
        short, long = sorted(shape)
        if short >= SIDE and long <= LONGER * short:
            return "image", (1, *shape)
        return "signal", shape
    if len(shape) == 3:
        if shape[2] in (1, 3, 4) and shape[0] > 4:
            hint = "numpy.moveaxis(values, -1, 1) brings them first"
            raise DataError(f"{samples.source}: samples {text(shape)} have their channels last", hint=hint)
        return "image", shape
    if len(shape) == 4:
        return "volume", shape
    raise DataError(
        f"{samples.source}: samples are {text(shape) or 'single numbers'}", hint="give [N, ...], 1 to 4 axes"
    )


def _without_words(dataset: DatasetSpec, description: Description) -> tuple[DatasetSpec, Description]:
    """Without the columns of words: they are no features of a model of numbers."""
    words = [column.name for column in description.columns if column.holds == "words"]
    left = tuple(column for column in description.columns if column.holds != "words")
    if not words:
        return dataset, description
    if not left:
        hint = f"{NEEDED}: `aezoo plugins` lists those that are here"
        raise DataError(f"all columns hold words: {', '.join(words)}", hint=hint)
    settings = {**description.settings, "exclude": (*description.settings.get("exclude", ()), *words)}
    settings.pop("categories", None)
    why = f"{', '.join(words)} of words, which need {NEEDED}; --label says that one is known, and no input"
    reasons = {**description.reasons, "exclude": "; ".join(filter(None, (description.reasons.get("exclude"), why)))}
    reasons.pop("categories", None)
    missing = any(column.gaps for column in left)
    if not missing:
        for name in ("missing", "gaps"):
            settings.pop(name, None)
            reasons.pop(name, None)
    changed = {name: settings.get(name, type(dataset).model_fields[name].default)
               for name in ("exclude", "categories", "missing", "gaps")}  # fmt: skip
    return dataset.model_copy(update=changed), replace(description, settings=settings, reasons=reasons, columns=left)


def rounded(value: float) -> str:
    """A figure as a comment shows it."""
    return "unknown" if math.isnan(value) else f"{value:.3g}"
