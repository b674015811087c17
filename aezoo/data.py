"""From a source to the rows of each split: open, check, split. Batches are made of them in `aezoo.batches`.

source --open_samples--> Samples --check--> Samples --split--> rows --Batches--> Tensor [B, *input]
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aezoo.batches import Batches, Rows
from aezoo.errors import DataError, NotFound, UsageError
from aezoo.randomness import permutation
from aezoo.registry import Registry
from aezoo.samples import Array, Samples
from aezoo.spec.component import Range
from aezoo.spec.document import Spec
from aezoo.spec.kinds import DatasetSpec, FileDatasetSpec
from aezoo.spec.shape import Shape, text
from aezoo.spec.word import samples_of

Source = DatasetSpec | Samples | str | PathLike[str] | Array | Tensor | None
__all__ = ["Batches", "Rows", "Source", "check", "open_samples", "restated", "split"]

#: Values that are looked at in one go: a mapped file is never in memory as a whole.
_CHUNK = 2**22


# --- open ----------------------------------------------------------------------------------------------


def open_samples(
    source: Source, spec: Spec, *, seed: int = 0, registry: Registry | None = None, alike: bool = True
) -> Samples:
    """The samples of a source, as the spec would see them; `check` says whether it can take them.

    The one thing that is mended: images [N, H, W] for an input [1, H, W] get their channel axis, if `alike`.

    Args:
        source: None for the spec's own data; or a dataset, samples, an array or tensor [N, ...], or the path
        of a
            file or folder that one of the registered datasets reads by its ending.
        seed: Handed to the dataset.
        registry: Where datasets for a path are looked up; all that is loaded, if None.
        alike: Read a path as the spec's own data are read, where these are of the same kind: the same columns,
            the same resizing. False for what is not the model's input: codes.

    Raises:
        DataError: They cannot be read.
        NotFound: There is no such file.
        UsageError: There is no source, or none of a kind that is known.
    """
    source = spec.data if source is None else source
    if source is None:
        raise UsageError("no data: the spec has none and none were given", hint="add a [data] table, or pass data")
    if isinstance(source, (str, PathLike)):
        source = _dataset_for(Path(source), registry, spec.data if alike else None)
    if isinstance(source, DatasetSpec):
        source = samples_of(source, source.load(shape=spec.input.shape, seed=seed))
    samples = source if isinstance(source, Samples) else _from_array(source)
    if alike and spec.input.kind == "image" and spec.input.shape == (1, *samples.shape):
        return replace(samples, values=samples.values[:, None])
    return samples


def restated(spec: Spec, source: Source) -> Spec:
    """The spec with these samples in place of its own data, so that what is trained on them says so.

    A path is kept as it leads from the working folder, of one elsewhere the last name; of an array nothing can be
    told. The shares that are held out stay what they were.
    """
    if source is None:
        return spec
    told: DatasetSpec | None = None
    if isinstance(source, (str, PathLike)):
        found = _dataset_for(Path(source), None, spec.data)
        shares = dict(zip(("validation", "test"), (spec.data or found).fractions(), strict=True))
        told = found.model_copy(update={"path": _from_here(Path(source)), **shares})
    elif isinstance(source, DatasetSpec):
        told = source
    # What it was described as doing, it did with other data.
    described = {"description": ""} if spec.data is not None and told != spec.data else {}
    return spec.model_copy(update={"data": told, **described})


def _from_here(path: Path) -> str:
    full = path.expanduser().absolute()
    return full.relative_to(Path.cwd()).as_posix() if full.is_relative_to(Path.cwd()) else full.name


def _from_array(source: Any) -> Samples:
    if isinstance(source, Tensor):
        source = source.detach().cpu()
        return Samples((source.float() if source.dtype == torch.bfloat16 else source).numpy(), "tensor")
    if isinstance(source, np.ndarray):
        return Samples(source, "array")
    raise UsageError(f"data are a {type(source).__name__}", hint="pass an array, a tensor, a path or a dataset")


def _dataset_for(path: Path, registry: Registry | None, own: DatasetSpec | None) -> DatasetSpec:
    path = path.expanduser()
    if not path.exists():
        raise NotFound(f"{path.absolute()}: no such file or folder")
    suffix = "/" if path.is_dir() else path.suffix.lower()
    if isinstance(own, FileDatasetSpec) and suffix in own.suffixes:
        return own.at(path)
    known: set[str] = set()
    for part in _file_datasets(registry):
        if suffix in part.suffixes:
            return part.model_validate({"type": part.tag(), "path": str(path)})
        known.update(part.suffixes)
    raise UsageError(
        f"{path}: no dataset reads {suffix or 'a file without an ending'}",
        hint=f"these are read: {' '.join(sorted(known - {'/'}))}, and folders",
    )


def _file_datasets(registry: Registry | None) -> Iterator[type[FileDatasetSpec]]:
    if registry is None:
        from aezoo.discovery import default_registry

        registry = default_registry()
    for name in registry.names("dataset"):
        part = registry.get("dataset", name)
        if issubclass(part, FileDatasetSpec):
            yield part


# --- check ---------------------------------------------------------------------------------------------


def check(samples: Samples, spec: Spec) -> None:
    """Refuse samples that are not what the spec says, naming the first bad sample and where it is bad.

    Every value is looked at, a few million at a time. uint8 needs no look: 0..255 spans the declared range.

    Raises:
        DataError: Wrong type, shape, NaN, infinity, or a value outside the range.
    """
    values = samples.values
    if values.dtype != np.uint8 and values.dtype not in (np.float16, np.float32, np.float64):
        hint = "convert to uint8 (0..255 spans the declared range) or float32"
        raise DataError(f"{samples.source}: values are {values.dtype}", hint=hint)
    if not len(samples):
        raise DataError(f"{samples.source}: holds no samples")
    if samples.shape != spec.input.shape:
        raise DataError(
            f"{samples.source}: samples are {text(samples.shape) or 'single numbers'},"
            f" the input is {text(spec.input.shape)}",
            hint=_shape_hint(values.shape, spec.input.shape),
        )
    if values.dtype != np.uint8:
        _check_values(samples, spec.input.range)


def _shape_hint(shape: Sequence[int], wanted: Shape) -> str:
    got = tuple(shape[1:])
    if tuple(shape) == wanted:
        return "this is one sample; a set of one is values[None]"
    if got == (*wanted[1:], wanted[0]):
        return "channels come last; bring them first: numpy.moveaxis(values, -1, 1)"
    if got == (wanted[-1], *wanted[:-1]):
        return f"the input has its channels last; write input.shape = {list(got)}"
    if len(got) == len(wanted) > 1 and got[1:] == wanted[1:]:
        return f"{got[0]} channels instead of {wanted[0]}"
    if math.prod(got) == math.prod(wanted):
        return "there are as many values; reshape them, or change input.shape"
    return f"write input.shape = {list(got)}, or give other data" if got else "samples are [N, ...]"


def _check_values(samples: Samples, interval: Range | None) -> None:
    low, high = interval or (-math.inf, math.inf)
    # Rounding in float32 or float16 may step over an end; more than that is another scale.
    slack = 0.0 if interval is None else (high - low) * (1e-3 if samples.values.dtype == np.float16 else 1e-5)
    low, high = low - slack, high + slack
    first, strange, outside = None, 0, 0
    least, most = math.inf, -math.inf
    for start, chunk in _chunks(samples.values):
        smallest, largest = float(chunk.min()), float(chunk.max())  # a NaN makes both NaN
        least, most = min(least, smallest), max(most, largest)
        if low <= smallest and largest <= high and math.isfinite(smallest) and math.isfinite(largest):
            continue
        bad = ~((chunk >= low) & (chunk <= high) & np.isfinite(chunk))
        if first is None:
            row, *place = (int(at) for at in np.unravel_index(int(bad.argmax()), bad.shape))
            first = start + row, tuple(place), chunk[(row, *place)]
        broken = int(np.count_nonzero(~np.isfinite(chunk)))
        strange, outside = strange + broken, outside + int(np.count_nonzero(bad)) - broken
    if first is not None:
        raise _bad_value(samples, first, strange, outside, interval, (least, most))


def _chunks(values: Array) -> Iterator[tuple[int, Array]]:
    rows = max(1, _CHUNK // max(1, math.prod(values.shape[1:])))
    for start in range(0, len(values), rows):
        yield start, values[start : start + rows]


def _bad_value(
    samples: Samples,
    first: tuple[int, tuple[int, ...], Any],
    strange: int,
    outside: int,
    interval: Range | None,
    extent: Range,
) -> DataError:
    row, place, value = first
    where = f"{samples.source}: {samples.name(row)}, position {list(place)}: {value}"
    if strange:
        return DataError(
            f"{where}; {strange} of {samples.values.size} values are NaN or infinite, {outside} out of range",
            hint="drop or fill them before training; nothing is filled for you",
        )
    low, high = interval or extent
    hint = f"the values go from {extent[0]:g} to {extent[1]:g}; rescale them, or change input.range"
    if low == 0 and high == 1 and extent[0] >= 0 and 1 < extent[1] <= 255:
        hint = "this looks like 0..255: save it as uint8, or divide by 255"
    return DataError(f"{where} is outside of [{low:g}, {high:g}], as are {outside} of {samples.values.size}", hint=hint)


# --- split ---------------------------------------------------------------------------------------------


def split(samples: Samples, dataset: DatasetSpec | None, seed: int = 0) -> dict[str, Rows]:
    """Rows of `train`, `validation` and `test`, each in ascending order, no row in two.

    Splits that the set fixes are kept. Else every row is in one, and they depend on the seed, the number of
    samples and the fractions alone, and the test rows not even on the validation's fraction. A share too
    small for a whole sample gets one, but the last one is always for training.

    Raises:
        DataError: Nothing is left to train on.
    """
    if samples.splits:
        rows = {name: np.asarray(samples.splits.get(name, ()), np.int64) for name in ("train", "validation", "test")}
    else:
        validation, test = dataset.fractions() if dataset is not None else (0.1, 0.1)
        held = _share(len(samples), test, len(samples) - 1)
        seen = held + _share(len(samples), validation, len(samples) - held - 1)
        order = permutation(len(samples), seed, "split")
        rows = {"train": order[seen:], "validation": order[held:seen], "test": order[:held]}
    if not len(rows["train"]):
        raise DataError(f"{samples.source}: no sample is left for training: {len(samples)} in all")
    return {name: np.sort(part) for name, part in rows.items()}


def _share(n: int, fraction: float, most: int) -> int:
    # 1e-9: 0.29 * 100 is 28.999999999999996
    return max(0, min(most, max(int(n * fraction + 1e-9), int(fraction > 0))))
