"""Source: which dataset reads a path, and with which settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from aezoo.errors import DataError, NotFound, UsageError
from aezoo.files import expanded
from aezoo.names import utf8
from aezoo.reading.reader import read_as
from aezoo.registry.loader import default_registry
from aezoo.registry.registry import Registry
from aezoo.spec.description import Description
from aezoo.spec.kinds import DatasetSpec, FileDatasetSpec

#: Files of a folder that are looked at for what it holds.
LOOKED_AT = 2000


class Described(NamedTuple):
    """A dataset with the settings that its source needs, and what the source says of itself."""

    dataset: DatasetSpec
    description: Description


def described(data: str | Path, *, label: str | None = None, settings: Sequence[str] = ()) -> Described:
    """The dataset of a file, a folder, or a bundled set by its name.

    Args:
        data: A path, or the name of a dataset that needs no settings: `digits`.
        label: What is known of the samples and is no input: a column of a table, an array of a file.
        settings: How they are read, where that is not as the source suggests: `data.decimal=,`.

    Raises:
        NotFound: There is no such file.
        SpecError: This kind of data has no such settings.
        UsageError: No dataset reads it, or it has no labels of this name.
        DataError: It cannot be read.
    """
    registry = default_registry()
    path = expanded(Path(data))
    if not path.exists() and (bundled := _bundled(str(data), registry)) is not None:
        return Described(read_as(bundled, settings, registry=registry) if settings else bundled, Description())
    dataset = _dataset_of(path, registry)
    if settings:
        dataset = _with_settings(dataset, path, settings, registry)
    description = dataset.describe(label=label)
    found = dict(description.settings)
    if label is not None and "label" not in found:
        found |= _with_label(dataset, label)
    if not settings:
        return Described(dataset.model_copy(update=found), description)
    return _as_asked(dataset, replace(description, settings=found), settings)


def _as_asked(dataset: FileDatasetSpec, description: Description, settings: Sequence[str]) -> Described:
    """The settings that a source needs, but for what was asked for otherwise, and for columns that are not read then.

    Args:
        dataset: As it was asked for.
        description: Of its source.
        settings: What was asked for.
    """
    asked = {assignment.partition("=")[0].strip().split(".")[1] for assignment in settings}
    if "columns" in asked:
        asked.add("exclude")
    said = dataset.model_dump()
    others = {*(said.get("exclude") or ()), *(said.get(name) for name in ("label", "id", "group", "time"))}
    chosen = said.get("columns")
    kept = [c for c in description.columns if c.name not in others and (chosen is None or c.name in chosen)]
    gone = {column.name for column in description.columns} - {column.name for column in kept}
    found = {name: value for name, value in description.settings.items() if name not in asked}
    if words := found.pop("categories", None):
        found |= {"categories": left} if (left := {k: v for k, v in words.items() if k not in gone}) else {}
    reasons = {name: why for name, why in description.reasons.items() if name in found}
    return Described(
        dataset.model_copy(update=found), replace(description, settings=found, reasons=reasons, columns=tuple(kept))
    )


def _with_settings(
    dataset: FileDatasetSpec, path: Path, settings: Sequence[str], registry: Registry
) -> FileDatasetSpec:
    """The dataset as it was asked for. Raises `UsageError` where that is other data."""
    changed = read_as(dataset, settings, registry=registry, path=str(path))
    if not isinstance(changed, FileDatasetSpec) or changed.path != str(path):
        raise UsageError(f"{path}: --set names other data: {', '.join(settings)}", hint="leave out one of the two")
    return changed


def _bundled(name: str, registry: Registry) -> DatasetSpec | None:
    """A dataset that needs no settings."""
    if name not in registry.names("dataset"):
        return None
    part = registry.get("dataset", name)
    if not issubclass(part, DatasetSpec) or any(info.is_required() for info in part.model_fields.values()):
        return None
    return part.model_validate({"type": part.tag()})


def _with_label(dataset: FileDatasetSpec, label: str) -> dict[str, str]:
    """The setting that names an array of labels. Raises `UsageError` where the dataset takes none."""
    known = type(dataset).model_fields
    name = next((name for name in ("label", "labels") if name in known), None)
    if name is None:
        hint = "leave --label out; sub-folders of images are their classes by themselves"
        raise UsageError(f"--label {label}: {dataset.tag()} data take no labels by name", hint=hint)
    if {"label", "labels"} <= known.keys() and dataset.model_dump().get("labels") is None:
        hint = f"leave --label out, or add {dataset.setting('labels', 'labels.csv')}: a table with this column"
        raise UsageError(f"--label {label}: sub-folders are the classes of images, which have no columns", hint=hint)
    return {name: label}


def _dataset_of(path: Path, registry: Registry) -> FileDatasetSpec:
    """A dataset that reads a path, with no settings but that."""
    if not path.exists():
        raise NotFound(f"{path.absolute()}: no such file or folder")
    parts = [*_file_datasets(registry)]
    best = _of_folder(path, parts) if path.is_dir() else _of_ending(path, parts)
    if best is None:
        known = " ".join(sorted({suffix for part in parts for suffix in part.suffixes} - {"/"}))
        what = "holds no file that any dataset reads" if path.is_dir() else "is read by no dataset"
        raise UsageError(f"{path}: {what}", hint=f"these are read: {known}, and folders of them")
    # pydantic refuses text that is no UTF-8, and a file's name may be none.
    made = best.model_validate({"type": best.tag(), "path": utf8(str(path))})
    return made.model_copy(update={"path": str(path)})


def _of_ending(path: Path, parts: Sequence[type[FileDatasetSpec]]) -> type[FileDatasetSpec] | None:
    ending = FileDatasetSpec.ending(path)
    return next((part for part in parts if ending in part.suffixes), None)


def _of_folder(path: Path, parts: Sequence[type[FileDatasetSpec]]) -> type[FileDatasetSpec] | None:
    """The dataset that knows a folder as its own; else that of most files, of those that read folders."""
    if known := next((part for part in parts if part.knows(path)), None):
        return known
    endings = _endings(path)
    readers = [part for part in parts if _reads_folders(part)]  # a table is one file: texts beside images are none
    counts = {part: sum(endings[suffix] for suffix in part.suffixes) for part in readers}
    best = max(counts, key=lambda part: counts[part])
    return best if counts[best] else None


def _reads_folders(part: type[FileDatasetSpec]) -> bool:
    own = part.__mro__[: part.__mro__.index(FileDatasetSpec)]
    return "/" in part.suffixes or any("knows" in vars(base) for base in own)


def _file_datasets(registry: Registry) -> Iterator[type[FileDatasetSpec]]:
    for name in registry.names("dataset"):
        part = registry.get("dataset", name)
        if issubclass(part, FileDatasetSpec):
            yield part


def _endings(folder: Path) -> Counter[str]:
    """How many files of each ending there are under a folder, of the first that are found."""
    found: Counter[str] = Counter()
    try:
        for path in folder.rglob("*"):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                found[FileDatasetSpec.ending(path)] += 1
            if found.total() >= LOOKED_AT:
                break
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from error
    return found
