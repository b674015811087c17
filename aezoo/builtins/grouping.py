"""Splits by what samples belong to: by groups, of which none is in two splits, or by time, the last ones held out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from aezoo.plugin import DataError, Field, FileDatasetSpec, Remark, Samples, Spec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[Any]
    Values = Sequence[Any] | npt.NDArray[Any]

#: From here on dates are counted.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Microseconds of a day.
DAY = 86_400_000_000


class GroupedDatasetSpec(FileDatasetSpec):
    """Base of the sets whose samples have further columns, by which they may be split."""

    group: str | None = Field(
        None, description="name of the column or array of groups, such as patients: each is in one split as a whole"
    )
    time: str | None = Field(
        None, description="name of the column or array of times: the last samples are the test, those before validation"
    )
    split: Literal["random", "chronological"] | None = Field(
        None, description="how shares are taken: random (default), or chronological, the last ones in the file's order"
    )

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        by = [key for key in ("group", "time") if getattr(self, key) is not None]
        if len(by) > 1 or (by == ["group"] and self.split == "chronological"):
            yield Remark("samples are split by groups or by time, not by both", "leave one of them out", at=by[-1])
        elif by == ["time"] and self.split == "random":
            yield Remark("`time` says that samples are split by it", "leave 'split' out, or 'time'", at="split")
        yield from super().remarks(spec)

    def beside_splits(self) -> list[str]:
        """The columns by which samples are split: they are no features."""
        return [name for name in (self.group, self.time) if name is not None]

    def with_splits(
        self, samples: Samples, column: Callable[[str], Values], where: Callable[[int, str], str]
    ) -> Samples:
        """The samples with the groups and times by which they are split.

        Args:
            samples: All of them.
            column: Gives the values of a column.
            where: Says where a row of a column is, for messages.

        Raises:
            DataError: A value is missing, or is no time.
        """
        import numpy as np

        if (group := self.group) is not None:
            samples = replace(samples, groups=groups_of(column(group), lambda row: where(row, group)))
        if (time := self.time) is not None:
            samples = replace(samples, times=times_of(column(time), lambda row: where(row, time)))
        elif self.split == "chronological":
            samples = replace(samples, times=np.arange(len(samples)))
        return samples


def groups_of(values: Values, where: Callable[[int], str]) -> npt.NDArray[np.int64]:
    """A number for each group: [N]. Raises `DataError` where a value is missing."""
    import numpy as np

    listed: Sequence[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    names = [value.strip() if isinstance(value, str) else value for value in listed]
    for row, name in enumerate(names):
        if name is None or name == "" or name != name:
            raise DataError(f"{where(row)}: no group", hint="give each sample a group, of its own if it has none")
        if isinstance(name, (list, dict)):
            raise DataError(f"{where(row)}: {name!r:.60} is no group", hint="groups are words, numbers or dates")
    places = {name: place for place, name in enumerate(sorted({*names}, key=lambda name: (str(type(name)), name)))}
    return np.array([places[name] for name in names], np.int64)


def times_of(values: Values, where: Callable[[int], str]) -> Array:
    """Times as numbers that rise: [N].

    Args:
        values: Numbers, dates, or texts that are one or the other (dates as 2026-05-31 or 2026-05-31T12:00).
        where: Says where a row is, for messages.

    Raises:
        DataError: A value is none of these, or only some are in a time zone.
    """
    import numpy as np

    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        values = values.astype("datetime64[us]")
    listed: Sequence[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    found: list[tuple[str, int | float]] = []
    for row, value in enumerate(listed):
        time = _time(value)
        if time is None:
            hint = "times are numbers, or dates such as 2026-05-31 or 2026-05-31T12:00:00"
            raise DataError(f"{where(row)}: {value!r:.60} is no time", hint=hint)
        if found and time[0] != found[0][0]:
            message = f"{where(row)}: {value!r:.60} is {time[0]}, the first one is {found[0][0]}"
            raise DataError(message, hint="write all times in one way")
        found.append(time)
    return np.array([number for _, number in found])


def days_of(word: str) -> tuple[str, float] | None:
    """Whether a text is a date in a zone or without one, and its days since 1970-01-01; None if it is no date."""
    found = _time(word)
    return None if found is None or found[0] == "a number" else (found[0], found[1] / DAY)


def _time(value: Any) -> tuple[str, int | float] | None:
    """What kind of time a value is, and the number that it has; None if it is none."""
    if isinstance(value, str):
        value = _read(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, datetime):
        zone = "a time in a zone" if value.tzinfo else "a time without a zone"
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return zone, (moment - _EPOCH) // _MICROSECOND
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return "a number", value


def _read(word: str) -> Any:
    """The number or the date that a text is; None if it is neither."""
    for read in (int, float, datetime.fromisoformat):
        try:
            return None if "_" in word else read(word)
        except ValueError:
            continue
    return None
