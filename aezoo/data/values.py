"""Checks of samples' values, a few million at a time: a mapped file is never in memory as a whole."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aezoo.data.stores import chunks
from aezoo.errors import DataError, DataWarning
from aezoo.spec.component import Range
from aezoo.spec.document import Spec
from aezoo.spec.domain import Domain
from aezoo.spec.lazy import LazyArray
from aezoo.spec.samples import Array, Samples

#: Values that are checked at once.
_CHUNK = 2**22
#: Values that stay in the cache while they are looked at twice.
_CACHED = 2**16
#: The square of a larger number is beyond float32.
_LARGEST_SQUARED = 2.0**63.5
#: Bits of the smallest normal float32.
_TINY_BITS = np.uint32(0x00800000)
#: Up to here float32 holds every whole number.
_WHOLE = 2**24
#: Share of a column's extent that rounding to float32 may move before a warning.
_LOST = 0.01


@dataclass
class Survey:
    """Statistics of all values.

    Attributes:
        first_bad: Row, position and value of the first one that is refused, or None.
        not_finite: How many are NaN or infinite.
        outside: How many are out of bounds.
        least: The smallest.
        most: The largest.
    """

    first_bad: tuple[int, tuple[int, ...], Any] | None = None
    not_finite: int = 0
    outside: int = 0
    least: float = math.inf
    most: float = -math.inf


def survey(values: Array | LazyArray, low: float, high: float) -> Survey:
    """Count the values that are not within `low` and `high`, or not finite, and find the least and the largest."""
    seen = Survey()
    for start, chunk in _chunks(values, _CACHED):
        smallest, largest = float(chunk.min()), float(chunk.max())  # a NaN makes both NaN
        seen.least, seen.most = min(seen.least, smallest), max(seen.most, largest)
        if low <= smallest and largest <= high and math.isfinite(smallest) and math.isfinite(largest):
            continue
        bad = ~((chunk >= low) & (chunk <= high) & np.isfinite(chunk))
        if seen.first_bad is None and bad.any():
            row, *position = (int(index) for index in np.unravel_index(int(bad.argmax()), bad.shape))
            seen.first_bad = start + row, tuple(position), chunk[(row, *position)]
        not_finite = int(np.count_nonzero(~np.isfinite(chunk)))
        seen.not_finite += not_finite
        seen.outside += int(np.count_nonzero(bad)) - not_finite
    return seen


def check_values(samples: Samples, interval: Range | None, *, double: bool = False, widths: float = 0.0) -> Survey:
    """Refuse values that are no numbers, that leave the declared range, or that the precision cannot hold.

    Args:
        samples: Floating values.
        interval: The declared range, or None.
        double: Whether training computes in float64.
        widths: How far they may leave the range, in its own widths.

    Raises:
        DataError: Names the first bad sample, the position and the value.
    """
    low, high = interval or (-math.inf, math.inf)
    if interval is not None:
        # Rounding to float32 or float16 may exceed an end of the range by this much.
        slack = (high - low) * (widths + (1e-3 if samples.values.dtype == np.float16 else 1e-5))
        low, high = low - slack, high + slack
    largest = float(np.finfo(np.float64 if double else np.float32).max)
    seen = survey(samples.values, max(low, -largest), min(high, largest))
    if seen.first_bad is not None:
        raise _bad_value(samples, seen, interval, widths)
    return seen


def _bad_value(samples: Samples, seen: Survey, interval: Range | None, widths: float) -> DataError:
    assert seen.first_bad is not None
    row, position, value = seen.first_bad
    location = f"{samples.where(row)}, position {list(position)}: {value}"
    if seen.not_finite:
        return DataError(
            f"{location}; {seen.not_finite} of {samples.values.size} values are NaN or infinite,"
            f" {seen.outside} out of range",
            hint='drop or fill them; in arrays and tables, data.missing = "mask" reads NaN as gaps',
        )
    if interval is None:
        return DataError(
            f"{location} is beyond float32, which ends at 3.4e38, as are {seen.outside} of {samples.values.size}",
            hint='rescale the values, or train with training.precision = "float64"',
        )
    low, high = interval
    excess = f" by more than {widths:g} times its width" if widths else ""
    return DataError(
        f"{location} is outside of [{low:g}, {high:g}]{excess}, as are {seen.outside} of {samples.values.size}",
        hint=_scale_hint(seen, interval, "rescale them, or change input.range"),
    )


def _scale_hint(seen: Survey, interval: Range, otherwise: str) -> str:
    """Hint for values on another scale; from 0 to somewhere above 100 they were probably 8 bits."""
    if interval == (0, 1) and seen.least >= 0 and 100 <= seen.most <= 255:
        return "this looks like 0..255: save it as uint8, or divide by 255"
    return f"the values go from {seen.least:g} to {seen.most:g}; {otherwise}"


def check_domains(
    samples: Samples,
    values: Array | LazyArray,
    domains: Sequence[Domain],
    what: str = "",
    units: Callable[[Array], Array] | None = None,
) -> None:
    """Refuse values that are not what the model takes them for: classes that do not exist, counts with a fraction.

    Args:
        samples: Named in the error.
        values: Theirs, [N, F, ...].
        domains: Of each feature.
        what: Whose values they are, where it is not the samples' own: "field 'after'".
        units: Brings values to the units of the model; None where they are.

    Raises:
        DataError: Names the first bad sample and the feature.
    """
    low, high, are_whole = (
        np.array(ends).reshape(-1, *(1,) * (values.ndim - 2)) for ends in zip(*domains, strict=True)
    )
    for start, chunk in _chunks(values):
        chunk = chunk if units is None else units(chunk)
        bad = (chunk < low) | (chunk > high) | (are_whole & (chunk != np.rint(chunk)))
        if bad.any():
            row, *position = (int(index) for index in np.unravel_index(int(bad.argmax()), bad.shape))
            feature = position[0]
            others = int(bad[:, feature].sum()) - 1
            more = f", nor are {others} more" if others else ""
            where = f"{samples.where(start + row)}, {what + ', ' if what else ''}feature {feature}"
            message = f"{where} (counted from 0): {chunk[(row, *position)]:g} is not {domains[feature]}{more}"
            raise DataError(message, hint="correct the data, or what the spec says of this feature")


def warn_outside(samples: Samples, interval: Range, bounds: Range, seen: Survey) -> None:
    """Warn of values outside of the bounds: the declared range, widened by what a corruption adds to it.

    Args:
        samples: Values that were checked.
        interval: The declared range.
        bounds: What the model takes without a warning.
        seen: What that check saw of the values; they are gone through again only if some are outside.
    """
    if bounds[0] <= seen.least and seen.most <= bounds[1]:
        return
    seen = survey(samples.values, *bounds)
    if not seen.outside:  # in the precision of the values themselves
        return
    low, high = interval
    hint = _scale_hint(seen, interval, "scale them as what the model was trained on")
    message = f"{samples.source}: {seen.outside} of {samples.values.size} values are outside of [{low:g}, {high:g}]"
    warnings.warn(DataWarning(f"{message}, for which the model was made", hint), stacklevel=4)


def warn_of_precision(samples: Samples, spec: Spec) -> None:
    """Warn of training values that float32 cannot distinguish, flushes to zero, or cannot square."""
    values = samples.values
    if spec.training.precision == "float64" or values.dtype == np.uint8:
        return
    if lost := _lost(values):
        message = f"{samples.source}: {_columns(values, lost)} in float32, which keeps 7 digits down to 1.2e-38"
        hint = 'subtract the mean or rescale before saving, or training.precision = "float64"'
        warnings.warn(DataWarning(message, hint), stacklevel=3)
    if spec.input.normalize != "standardize" and spec.input.range is None:
        seen = survey(values, -_LARGEST_SQUARED, _LARGEST_SQUARED)
        if seen.outside:
            message = f"{samples.source}: {seen.outside} values have squares beyond float32 (from {seen.least:g} to"
            hint = 'input.normalize = "standardize", or rescale them'
            warnings.warn(DataWarning(f"{message} {seen.most:g})", hint), stacklevel=3)


def _columns(values: Array | LazyArray, lost: list[int]) -> str:
    kind = "column" if values.ndim == 2 else "channel"
    shown = ", ".join(map(str, lost[:8])) + (f" and {len(lost) - 8} more" if len(lost) > 8 else "")
    one = len(lost) == 1
    return f"values of {kind}{'' if one else 's'} {shown} (counted from 0) fall together"


def _lost(values: Array | LazyArray) -> list[int]:
    """Columns (channels) whose variation is lost in float32."""
    if values.dtype == np.float64 and values.ndim > 1:
        return _rounded(values)
    # Values in float32 lose only subnormal numbers; images have none.
    return _flushed(values) if values.dtype == np.float32 and values.ndim == 2 else []


def _rounded(values: Array | LazyArray) -> list[int]:
    """Columns that rounding to float32 moves by more than a share of their extent."""
    low, high, moved = (np.full(values.shape[1], start) for start in (np.inf, -np.inf, 0.0))
    axes = tuple(axis for axis in range(values.ndim) if axis != 1)
    for _, chunk in _chunks(values):
        low, high = np.minimum(low, chunk.min(axis=axes)), np.maximum(high, chunk.max(axis=axes))
        moved = np.maximum(moved, np.abs(chunk - _single(chunk)).max(axis=axes))
    # Halved first: the whole extent may be beyond float64.
    lost = moved / 2 > _LOST * (high / 2 - low / 2)
    wide = (np.maximum(-low, high) > _WHOLE) & ~lost
    return [
        column
        for column in np.flatnonzero(high > low).tolist()
        if lost[column] or (wide[column] and _merged(_column(values, column)))
    ]


def _merged(values: Array) -> bool:
    """Whether these are whole numbers, different ones of which are equal in float32: names, dates in seconds."""
    if not bool((values == np.rint(values)).all()):
        return False
    distinct = np.unique(values)
    return len(np.unique(distinct.astype(np.float32))) < len(distinct)


def _single(values: Array) -> Array:
    """The values rounded to float32, subnormal ones flushed to zero, as in training."""
    single = values.astype(np.float32).astype(np.float64)
    single[np.abs(single) < np.finfo(np.float32).tiny] = 0
    return single


def _flushed(values: Array | LazyArray) -> list[int]:
    """Columns of float32 whose values are all subnormal; by their bits, since a processor may compare them as 0."""
    low, high = np.full(values.shape[1], _TINY_BITS), np.zeros(values.shape[1], np.uint32)
    for _, chunk in _chunks(values):
        bits = np.ascontiguousarray(chunk).view(np.uint32) & 0x7FFFFFFF
        low, high = np.minimum(low, bits.min(axis=0)), np.maximum(high, bits.max(axis=0))
    return [int(column) for column in np.flatnonzero((high > low) & (high < _TINY_BITS))]


def _column(values: Array | LazyArray, column: int) -> Array:
    return np.concatenate([chunk[:, column].ravel() for _, chunk in _chunks(values)])


def _chunks(values: Array | LazyArray, size: int = _CHUNK) -> Iterator[tuple[int, Array]]:
    return chunks(values, size)
