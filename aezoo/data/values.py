"""What values a set of samples holds, a few million at a time: a mapped file is never in memory as a whole."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from aezoo.errors import DataError, DataWarning
from aezoo.spec.component import Range
from aezoo.spec.document import Spec
from aezoo.spec.samples import Array, Samples

#: Values that are looked at in one go.
_CHUNK = 2**22
#: A square of more than this is beyond float32, and so is a squared error.
_LARGEST_SQUARED = 2.0**63.5
#: Bits of the smallest normal float32.
_TINY_BITS = np.uint32(0x00800000)
#: A column that rounding moves by more than this share of its deviation is told of.
_LOST = 0.01


@dataclass
class Survey:
    """What was seen of all values.

    Attributes:
        first: Row, position and value of the first one that is not taken, or None.
        strange: How many are NaN or infinite.
        outside: How many are out of bounds.
        least: The smallest, `most` the largest.
    """

    first: tuple[int, tuple[int, ...], Any] | None = None
    strange: int = 0
    outside: int = 0
    least: float = math.inf
    most: float = -math.inf


def survey(values: Array, low: float, high: float) -> Survey:
    """Look at every value, and count those that are not within `low` and `high`, or no numbers."""
    seen = Survey()
    for start, chunk in _chunks(values):
        smallest, largest = float(chunk.min()), float(chunk.max())  # a NaN makes both NaN
        seen.least, seen.most = min(seen.least, smallest), max(seen.most, largest)
        if low <= smallest and largest <= high and math.isfinite(smallest) and math.isfinite(largest):
            continue
        bad = ~((chunk >= low) & (chunk <= high) & np.isfinite(chunk))
        if seen.first is None and bad.any():
            row, *place = (int(at) for at in np.unravel_index(int(bad.argmax()), bad.shape))
            seen.first = start + row, tuple(place), chunk[(row, *place)]
        broken = int(np.count_nonzero(~np.isfinite(chunk)))
        seen.strange += broken
        seen.outside += int(np.count_nonzero(bad)) - broken
    return seen


def check_values(samples: Samples, interval: Range | None, *, double: bool = False, widths: float = 0.0) -> Survey:
    """Refuse values that are no numbers, that leave the declared range, or that the precision cannot hold.

    Args:
        samples: Floating values.
        interval: The declared range, or None.
        double: Whether they are computed with in float64.
        widths: How far they may leave the range, in its own widths.

    Raises:
        DataError: Names the first bad sample, the position and the value.
    """
    low, high = interval or (-math.inf, math.inf)
    if interval is not None:
        # Rounding in float32 or float16 may step over an end; more than that is another scale.
        slack = (high - low) * (widths + (1e-3 if samples.values.dtype == np.float16 else 1e-5))
        low, high = low - slack, high + slack
    largest = float(np.finfo(np.float64 if double else np.float32).max)
    seen = survey(samples.values, max(low, -largest), min(high, largest))
    if seen.first is not None:
        raise _bad_value(samples, seen, interval, widths)
    return seen


def _bad_value(samples: Samples, seen: Survey, interval: Range | None, widths: float) -> DataError:
    assert seen.first is not None
    row, place, value = seen.first
    where = f"{samples.source}: {samples.name(row)}, position {list(place)}: {value}"
    if seen.strange:
        return DataError(
            f"{where}; {seen.strange} of {samples.values.size} values are NaN or infinite, {seen.outside} out of range",
            hint="drop or fill them before training; nothing is filled for you",
        )
    if interval is None:
        return DataError(
            f"{where} is beyond float32, which ends at 3.4e38, as are {seen.outside} of {samples.values.size}",
            hint='rescale the values, or train with training.precision = "float64"',
        )
    low, high = interval
    far = f" by more than {widths:g} times its width" if widths else ""
    return DataError(
        f"{where} is outside of [{low:g}, {high:g}]{far}, as are {seen.outside} of {samples.values.size}",
        hint=_scale_hint(seen, interval, "rescale them, or change input.range"),
    )


def _scale_hint(seen: Survey, interval: Range, otherwise: str) -> str:
    """What to do about values on another scale: 8 bits are known by values from 0 to somewhere above a hundred."""
    if interval == (0, 1) and seen.least >= 0 and 100 <= seen.most <= 255:
        return "this looks like 0..255: save it as uint8, or divide by 255"
    return f"the values go from {seen.least:g} to {seen.most:g}; {otherwise}"


# --- warnings --------------------------------------------------------------------------------------------


def warn_outside(samples: Samples, interval: Range, bounds: Range) -> None:
    """Warn of values that leave the bounds, which hold the declared range and what a corruption adds to it."""
    seen = survey(samples.values, *bounds)
    if not seen.outside:
        return
    low, high = interval
    hint = _scale_hint(seen, interval, "scale them as what the model was trained on")
    message = f"{samples.source}: {seen.outside} of {samples.values.size} values are outside of [{low:g}, {high:g}]"
    warnings.warn(DataWarning(f"{message}, for which the model was made", hint), stacklevel=4)


def warn_of_precision(samples: Samples, spec: Spec) -> None:
    """Warn of what float32 loses of values that are to be trained on: differences, small numbers, squares."""
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


def _columns(values: Array, lost: list[int]) -> str:
    kind = "column" if values.ndim == 2 else "channel"
    shown = ", ".join(map(str, lost[:8])) + (f" and {len(lost) - 8} more" if len(lost) > 8 else "")
    one = len(lost) == 1
    return f"values of {kind}{'' if one else 's'} {shown} (counted from 0) fall together"


def _lost(values: Array) -> list[int]:
    """Columns (channels) that vary, but hardly so in float32."""
    if values.dtype == np.float64 and values.ndim > 1:
        return _rounded(values)
    # float32 itself loses only what is too small for it, and images hold no such thing.
    return _flushed(values) if values.dtype == np.float32 and values.ndim == 2 else []


def _rounded(values: Array) -> list[int]:
    """Columns that rounding to float32 moves by more than a share of their extent."""
    low, high, moved = (np.full(values.shape[1], start) for start in (np.inf, -np.inf, 0.0))
    axes = tuple(axis for axis in range(values.ndim) if axis != 1)
    for _, chunk in _chunks(values):
        low, high = np.minimum(low, chunk.min(axis=axes)), np.maximum(high, chunk.max(axis=axes))
        moved = np.maximum(moved, np.abs(chunk - _single(chunk)).max(axis=axes))
    # Halved first: the whole extent may be beyond float64.
    return [int(at) for at in np.flatnonzero((high > low) & (moved / 2 > _LOST * (high / 2 - low / 2)))]


def _single(values: Array) -> Array:
    """The values as float32 holds them, where the smallest are flushed to zero, as training does."""
    single = values.astype(np.float32).astype(np.float64)
    single[np.abs(single) < np.finfo(np.float32).tiny] = 0
    return single


def _flushed(values: Array) -> list[int]:
    """Columns of float32 of which all values are too small, by their bits: to a flushing processor they are zeros."""
    low, high = np.full(values.shape[1], _TINY_BITS), np.zeros(values.shape[1], np.uint32)
    for _, chunk in _chunks(values):
        bits = np.ascontiguousarray(chunk).view(np.uint32) & 0x7FFFFFFF
        low, high = np.minimum(low, bits.min(axis=0)), np.maximum(high, bits.max(axis=0))
    return [int(at) for at in np.flatnonzero((high > low) & (high < _TINY_BITS))]


def _chunks(values: Array) -> Iterator[tuple[int, Array]]:
    rows = max(1, _CHUNK // max(1, math.prod(values.shape[1:])))
    for start in range(0, len(values), rows):
        yield start, values[start : start + rows]
