"""Data frames of pandas and polars as columns by name, for a dataset that reads columns. Neither is imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aezoo.errors import DataError, UsageError
from aezoo.registry.registry import Registry
from aezoo.spec.kinds import DatasetSpec, FileDatasetSpec


class Frame(Protocol):
    """A data frame, as far as it is read."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""

    def __getitem__(self, name: Any, /) -> Any: ...


def library_of(source: object) -> str:
    """The library that a frame is of, `pandas` or `polars`; empty for what is none.

    Raises:
        UsageError: It is something of theirs that has no columns to read.
    """
    module, kind = type(source).__module__.partition(".")[0], type(source).__name__
    if module not in ("pandas", "polars") or kind == "DataFrame":
        return module if kind == "DataFrame" and module in ("pandas", "polars") else ""
    hints = {"LazyFrame": "pass frame.collect()", "Series": "pass series.to_frame()"}
    raise UsageError(f"data are a {module}.{kind}", hint=hints.get(kind, "pass a data frame"))


def title_of(frame: Frame) -> str:
    """How messages and records call a frame."""
    return f"{library_of(frame)}.DataFrame"


def columns_of(frame: Frame) -> Mapping[str, Sequence[Any]]:
    """The columns by name, in the frame's order. Raises `DataError` for a name that comes twice."""
    names = [str(name).strip() for name in frame.columns]
    if twice := sorted(name for name, times in Counter(names).items() if times > 1):
        raise DataError(f"{title_of(frame)}: more than one column is called {', '.join(map(repr, twice))}")
    if not names:
        raise DataError(f"{title_of(frame)}: has no columns")
    return {name: frame[key].to_list() for name, key in zip(names, frame.columns, strict=True)}


def dataset_for(frame: Frame, registry: Registry, own: DatasetSpec | None) -> FileDatasetSpec:
    """The dataset that reads a frame: with the settings of `own` where that is of columns too, else with its shares."""
    title, names = title_of(frame), [str(name).strip() for name in frame.columns]
    if isinstance(own, FileDatasetSpec) and own.reads_columns:
        return own.at_columns(names, title)
    parts = (registry.get("dataset", name) for name in registry.names("dataset"))
    part = next((each for each in parts if issubclass(each, FileDatasetSpec) and each.reads_columns), None)
    if part is None:
        raise UsageError(f"data are a {title}", hint="no dataset that reads columns is installed; pass an array")
    shared = {"validation", "test"}
    if own is not None and "columns" in type(own).model_fields:  # another file of columns: Parquet
        shared |= type(own).model_fields.keys() - {"type", "path", "limit"}
    kept = own.model_dump(include=shared & part.model_fields.keys(), exclude_defaults=True) if own is not None else {}
    kept = {name: value for name, value in kept.items() if own is None or name not in own.separate()}
    if own is not None and not type(own).model_fields.keys() >= {"validation", "test"}:
        kept |= dict(zip(("validation", "test"), own.fractions(), strict=True))
    return part.model_validate({**kept, "type": part.tag(), "path": title}).at_columns(names, title)
