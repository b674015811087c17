"""Samples: what a dataset loads. Numpy arrays, in memory or mapped, and never torch.

NumPy is imported when a set is loaded, or when somebody asks for `Array`: declarations of sets do without it.
"""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    from aezoo.spec.lazy import LazyArray

    Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """A set of samples and what is known about them.

    Attributes:
        values: [N, *shape], uint8 (read as `value / 255` over the declared range) or floating; in memory, mapped from
            a file, or lazy.
        source: Where they came from, for messages and records: a path or a name.
        labels: [N] integers or None: the field `label`.
        factors: [N, K] true factors of generated sets, or None: the field `factors`.
        splits: Row indices by split name where the set fixes them ("train", "validation", "test"). Without "train",
            the rows in none of these are split by shares.
        names: One name per sample (file names, row numbers), or empty.
        fields: What goes along with the samples, by name: [N, ...] each. It may be read when it is asked for.
        settings: What the source says of itself, by settings of its dataset: names of columns, by which another
            file is read in the same way.
        shape_hint: What can be done about another shape than the spec's, by whoever reads this source.
        groups: [N] numbers of the groups that samples are of, each of which is in one split as a whole; or None.
        times: [N] numbers that rise with time: the last samples are the test; or None.
        class_names: By the name of a field of classes, the words that its numbers stand for, from 0 on.
        origins: Where several sources stand one after another: the first row of each, and where it came from.
    """

    values: Array | LazyArray
    source: str
    labels: Array | None = None
    factors: Array | None = None
    splits: Mapping[str, Array] = field(default_factory=dict)
    names: Sequence[str] = ()
    fields: Mapping[str, Array] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    shape_hint: str = ""
    groups: Array | None = None
    times: Array | None = None
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    origins: Sequence[tuple[int, str]] = ()

    def __post_init__(self) -> None:
        named = {"label": self.labels, "factors": self.factors}
        given: dict[str, Array] = {name: array for name, array in named.items() if array is not None}
        if given:
            object.__setattr__(self, "fields", ChainMap(given, self.fields))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(int(n) for n in self.values.shape[1:])

    @property
    def title(self) -> str:
        """How records call the set: of a path of this machine the last name, since others will read them."""
        sources = [source for _, source in self.origins] or [self.source]
        return ", ".join(dict.fromkeys(map(_title, sources)))

    def title_at(self, row: int) -> str:
        """How records call the source that a sample came from."""
        return _title(self._origin(row)[1])

    def where(self, row: int) -> str:
        """Where a sample came from and how it is called there, for messages."""
        return f"{self._origin(row)[1]}: {self.name(row)}"

    def _origin(self, row: int) -> tuple[int, str]:
        return max((origin for origin in self.origins if origin[0] <= row), default=(0, self.source))

    def take(self, rows: Any) -> Samples:
        """Some of the samples, by their row numbers, with all that goes along; without splits.

        Those of a mapped or lazy set stay where they are.
        """
        from aezoo.spec.lazy import LazyArray, SelectedRows, files_of

        beside = (self.labels, self.factors, self.groups, self.times)
        labels, factors, groups, times = (None if array is None else array[rows] for array in beside)
        names = tuple(self.names[int(row)] for row in rows) if self.names else ()
        fields = SelectedFields(self.fields, rows)
        apart = isinstance(self.values, LazyArray) or files_of(self.values)
        values = SelectedRows(self.values, rows) if apart else self.values[rows]
        return Samples(
            values,
            self.source,
            labels,
            factors,
            names=names,
            fields=fields,
            groups=groups,
            times=times,
            class_names=self.class_names,
        )

    def words(self, name: str) -> list[str] | None:
        """The class of each sample as the data have it, of a field whose classes are words; None of another."""
        known = self.class_names.get(name)
        if known is None or name not in self.fields:
            return None
        numbers = self.fields[name].tolist()
        return [known[number] if 0 <= number < len(known) else str(number) for number in numbers]

    def with_gaps(self) -> Samples:
        """The samples with 0 for every NaN, and the field `observed`: 1 where a value is known, 0 where none is."""
        import numpy as np

        if self.values.dtype.kind != "f":
            return replace(self, fields=ChainMap({"observed": np.ones(self.values.shape, np.uint8)}, self.fields))  # type: ignore[arg-type]
        array = np.asarray(self.values)
        known = ~np.isnan(array)
        values = np.where(known, array, array.dtype.type(0))
        return replace(self, values=values, fields=ChainMap({"observed": known.astype(np.uint8)}, self.fields))  # type: ignore[arg-type]

    def name(self, row: int) -> str:
        """How messages and files call this sample; bytes of a file's name that are no UTF-8 are spelt out."""
        from aezoo.names import utf8

        return utf8(self.names[row]) if self.names else f"sample {row - self._origin(row)[0]}"


class SelectedFields(Mapping[str, "Array"]):
    """The fields of some samples: each is read when it is asked for.

    Args:
        fields: Those of all samples.
        rows: Numbers of the samples that are taken.
    """

    def __init__(self, fields: Mapping[str, Array], rows: Any) -> None:
        self._fields, self._rows = fields, rows

    def __getitem__(self, name: str) -> Array:
        selected: Array = self._fields[name][self._rows]
        return selected

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class JoinedFields(Mapping[str, "Array"]):
    """The fields of several sets one after another, of those that all of them have; each is read when it is asked for.

    Args:
        parts: Of each set.
    """

    def __init__(self, parts: Sequence[Mapping[str, Array]]) -> None:
        self._parts = parts

    def __getitem__(self, name: str) -> Array:
        import numpy as np

        return np.concatenate([part[name] for part in self._parts])

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._parts[0] if all(name in part for part in self._parts))

    def __len__(self) -> int:
        return len([*self])


def _title(source: str) -> str:
    from aezoo.names import utf8

    return utf8(os.path.basename(os.path.normpath(source)) if os.path.isabs(source) else source)


def __getattr__(name: str) -> object:
    if name != "Array":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import numpy.typing as npt

    return npt.NDArray[Any]
