"""Sources of single splits: `data.test = { path = "test.csv" }` is the training data with these settings over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os.path import normpath, realpath
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aezoo.errors import Fault, NotFound, SpecError
from aezoo.files import expanded
from aezoo.reading.pydantic_errors import faults_of
from aezoo.registry.registry import Registry
from aezoo.spec.component import Frozen
from aezoo.spec.kinds import SHARES, DatasetSpec, FileDatasetSpec


class _Data(Frozen):
    data: DatasetSpec


def source_faults(dataset: DatasetSpec | None, registry: Registry) -> Iterator[Fault]:
    """What is wrong with the settings of the splits that have a source of their own."""
    if not isinstance(dataset, FileDatasetSpec):
        return
    for name, settings in dataset.separate().items():
        found, faults = _merged(dataset, name, settings, registry)
        yield from faults
        if found is not None and _identity(found) == _identity(dataset):
            message = "names the very samples that are trained on"
            hint = f'say which others: data.{name} = {{ path = "{name}.csv" }}, or a share such as 0.1'
            yield Fault(("data", name), "AZ535", message, hint)


def _identity(dataset: FileDatasetSpec) -> dict[str, Any]:
    """The settings that say which samples these are."""
    return {**dataset.model_dump(exclude={*SHARES}), "path": _full(dataset.path)}


def _full(path: str) -> str:
    """A path that all names of one file share."""
    try:
        return realpath(expanded(Path(path)))
    except (
        NotFound,
        ValueError,
    ):  # of a person that is not known here, or with a zero byte: that is told when it is read
        return normpath(path)


def source_of_split(
    dataset: FileDatasetSpec, name: str, settings: Mapping[str, Any], registry: Registry
) -> FileDatasetSpec:
    """The dataset of a split: one with the settings of the split over its own.

    Args:
        dataset: Read in the same way but for these settings.
        name: Of the split.
        settings: As the spec has them.
        registry: Where datasets are looked up.

    Raises:
        SpecError: This kind of data has no such settings.
    """
    found, faults = _merged(dataset, name, settings, registry)
    if found is None:
        raise SpecError(faults)
    return found


def _merged(
    dataset: FileDatasetSpec, name: str, settings: Mapping[str, Any], registry: Registry
) -> tuple[FileDatasetSpec | None, list[Fault]]:
    faults = [*_misplaced(dataset, name, settings)]
    if faults:
        return None, faults
    path = dataset.path
    # A name of a file may hold bytes that no text has.
    own = dataset.model_copy(update={"path": "unsaid"}).model_dump(mode="json", exclude_none=True, exclude={*SHARES})
    document = {"data": {**own, **settings}}
    try:
        chosen = _Data.model_validate(document, context={"registry": registry}).data
    except ValidationError as error:
        found = faults_of(error, document, registry)
        return None, [fault._replace(path=("data", name, *fault.path[1:])) for fault in found]
    assert isinstance(chosen, FileDatasetSpec)
    return (chosen if "path" in settings else chosen.model_copy(update={"path": path})), []


def _misplaced(dataset: FileDatasetSpec, name: str, settings: Mapping[str, Any]) -> Iterator[Fault]:
    """Settings that only the training data have."""
    if settings.get("type", dataset.tag()) != dataset.tag():
        message = f"is of the type of the training data, {dataset.tag()!r}"
        yield Fault(("data", name, "type"), "AZ201", message, "leave 'type' out, or convert the files to one kind")
    for key in ("validation", "test"):
        if key in settings:
            message = f"unknown key for the source of one split: all of it is for {name}"
            yield Fault(("data", name, key), "AZ203", message, f"leave {key!r} out")
