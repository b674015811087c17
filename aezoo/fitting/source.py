"""Source: which dataset reads a path, and with which settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aezoo.errors import DataError, NotFound, UsageError
from aezoo.files import expanded
from aezoo.names import utf8
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


def described(data: str | Path, *, label: str | None = None) -> Described:
    """The dataset of a file, a folder, or a bundled set by its name.

    Args:
        data: A path, or the name of a dataset that needs no settings: `digits`.
        label: What is known of the samples and is no input: a column of a table, an array of a file.

    Raises:
        NotFound: There is no such file.
        UsageError: No dataset reads it, or it has no labels of this name.
        DataError: It cannot be read.
    """
    registry = default_registry()
    path = expanded(Path(data))
    if not path.exists() and (bundled := _bundled(str(data), registry)) is not None:
        return Described(bundled, Description())
    dataset = _dataset_of(path, registry)
    description = dataset.describe(label=label)
    settings = dict(description.settings)
    if label is not None and "label" not in settings:
        settings |= _with_label(dataset, label)
    return Described(dataset.model_copy(update=settings), description)


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
    return {name: label}


def _dataset_of(path: Path, registry: Registry) -> FileDatasetSpec:
    """A dataset that reads a path, with no settings but that."""
    if not path.exists():
        raise NotFound(f"{path.absolute()}: no such file or folder")
    endings = _endings(path) if path.is_dir() else Counter([path.suffix.lower()])
    counts = {part: sum(endings[suffix] for suffix in part.suffixes) for part in _file_datasets(registry)}
    best = max(counts, key=lambda part: counts[part])
    if not counts[best]:
        known = " ".join(sorted({suffix for part in counts for suffix in part.suffixes} - {"/"}))
        what = "holds no file that any dataset reads" if path.is_dir() else "is read by no dataset"
        raise UsageError(f"{path}: {what}", hint=f"these are read: {known}, and folders of them")
    # pydantic refuses text that is no UTF-8, and a file's name may be none.
    made = best.model_validate({"type": best.tag(), "path": utf8(str(path))})
    return made.model_copy(update={"path": str(path)})


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
                found[path.suffix.lower()] += 1
            if found.total() >= LOOKED_AT:
                break
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from error
    return found
