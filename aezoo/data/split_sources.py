"""Splits with a source of their own: its samples are read as the training data are, and stand after them.

training data, then those of data.validation, then those of data.test --> Samples with these splits
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aezoo.errors import DataError
from aezoo.files import expanded
from aezoo.reading.split_sources import source_of_split
from aezoo.registry.registry import Registry
from aezoo.spec.component import Strings
from aezoo.spec.kinds import DatasetSpec, FileDatasetSpec
from aezoo.spec.lazy import ConvertedRows, JoinedRows, LazyArray
from aezoo.spec.samples import Array, JoinedFields, Samples
from aezoo.spec.shape import text

#: Words that a message names.
NAMED = 8


def with_split_sources(dataset: DatasetSpec, load: Callable[[DatasetSpec], Samples], registry: Registry) -> Samples:
    """The samples of a dataset, and after them those of the splits that have a source of their own.

    What the training data say of themselves (names of columns, words of a label, classes of folders) holds for the
    others too, so that a number means the same in all of them.

    Args:
        dataset: Of the training data.
        load: Gives the samples of one dataset.
        registry: Where datasets are looked up.

    Raises:
        DataError: They cannot be read, or differ in shape or type.
        NotFound: There is no such file.
        SpecError: This kind of data has no such settings.
    """
    held = dataset.separate()
    if not held or not isinstance(dataset, FileDatasetSpec):
        return load(dataset)
    parts = [load(dataset)]
    for name, own in held.items():
        other = dataset.alone().model_copy(update=dict(parts[0].settings))
        if "path" in own:
            other.model_copy(update={"path": own["path"]}).found()
            # Its own delimiter, say, is needed to find which names it has.
            how = {key: value for key, value in own.items() if key != "path"}
            other = source_of_split(other, name, how, registry).at_split(expanded(Path(own["path"])))
        part = load(source_of_split(other, name, own, registry).knowing(_class_names(parts)))
        _refuse_other_kind(part, parts[0], name)
        _refuse_other_classes(part, parts[0], name)
        parts.append(part)
    return _joined(parts, [*held])


def _class_names(parts: Sequence[Samples]) -> dict[str, Strings]:
    """The words of each field; those that only a later part has are numbered after the others."""
    return {name: tuple(words) for part in parts for name, words in part.class_names.items()}


def _joined(parts: list[Samples], names: list[str]) -> Samples:
    """All samples, in this order; the splits of these names are whole parts, others are of the first."""
    ends = np.cumsum([len(part) for part in parts])
    rows = {name: np.arange(start, stop) for name, start, stop in zip(names, ends[:-1], ends[1:], strict=True)}
    fixed = {name: rows for name, rows in parts[0].splits.items() if name not in names}
    return Samples(
        JoinedRows(_of_one_type([part.values for part in parts])),
        parts[0].source,
        splits={**fixed, **rows},
        names=_Names(parts, ends.tolist()) if any(part.names for part in parts) else (),
        fields=JoinedFields([part.fields for part in parts]),
        # A model reads other files as it reads the training data, whatever a split says of itself.
        settings=parts[0].settings,
        shape_hint=parts[0].shape_hint,
        class_names=_class_names(parts),
        groups=_padded(parts[0].groups, int(ends[-1])),
        times=_padded(parts[0].times, int(ends[-1])),
        origins=[(int(end) - len(part), part.source) for part, end in zip(parts, ends, strict=True)],
    )


def _padded(values: Array | None, count: int) -> Array | None:
    """What the rows of the training data are split by, with zeros for those that are in a split already."""
    return None if values is None else np.concatenate([values, np.zeros(count - len(values), values.dtype)])


def _refuse_other_kind(part: Samples, first: Samples, name: str) -> None:
    """Refuse samples that differ from those of the training data in shape, or are bytes where these are none."""
    if part.shape != first.shape:
        got, wanted = (text(each.shape) or "single numbers" for each in (part, first))
        raise DataError(f"{part.source}: samples of data.{name} are {got}, those of {first.source} {wanted}")
    kinds = part.values.dtype, first.values.dtype
    if kinds[0] != kinds[1] and "u" in (kinds[0].kind, kinds[1].kind):
        message = f"{part.source}: values of data.{name} are {kinds[0]}, those of {first.source} {kinds[1]}"
        raise DataError(message, hint="save both as uint8 (0..255 spans the declared range), or both as float32")


def _refuse_other_classes(part: Samples, first: Samples, name: str) -> None:
    """Refuse words where the training data have whole numbers: 1 would be a class of its own, and the second word."""
    for field in part.class_names.keys() - first.class_names.keys():
        if field in first.fields:
            shown = ", ".join(map(repr, part.class_names[field][:NAMED]))
            message = f"{part.source}: field {field!r} of data.{name} has words ({shown}), in {first.source} numbers"
            raise DataError(message, hint="write it in one way in both, or leave out the samples without a class")


def _of_one_type(values: list[Array | LazyArray]) -> list[Array | LazyArray]:
    """The arrays with the widest of their types; what is not in memory is converted as it is read."""
    widest = np.result_type(*(each.dtype for each in values))
    return [each if each.dtype == widest else _as_type(each, widest) for each in values]


def _as_type(values: Array | LazyArray, widest: np.dtype[np.generic]) -> Array | LazyArray:
    if isinstance(values, (LazyArray, np.memmap)):
        return ConvertedRows(values, lambda rows: rows.astype(widest))
    return values.astype(widest)


class _Names(Sequence[str]):
    """The names of samples of several sources; of those without, their numbers in their source.

    Args:
        parts: Of each source.
        ends: Where each one ends.
    """

    def __init__(self, parts: list[Samples], ends: list[int]) -> None:
        self._parts, self._ends = parts, ends

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[place] for place in range(*row.indices(len(self)))]
        number = range(len(self))[row]
        part = bisect_right(self._ends, number)
        inside = number - (self._ends[part - 1] if part else 0)
        names = self._parts[part].names
        return names[inside] if names else f"sample {inside}"
