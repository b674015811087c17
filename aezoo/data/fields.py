"""Fields of samples: given to a call, and checked against what the spec declares of them."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from aezoo.errors import DataError, UsageError
from aezoo.hints import did_you_mean
from aezoo.spec.component import field_name
from aezoo.spec.document import Spec
from aezoo.spec.fields import FieldSpec
from aezoo.spec.samples import Array, Samples
from aezoo.spec.shape import text

#: What a call may be given: for each field an array [N, *shape] or [N] of classes, or one value for all samples.
Fields = Mapping[str, Any]


def with_fields(samples: Samples, given: Fields | None, spec: Spec) -> Samples:
    """The samples with the fields that were given to a call, in place of their own of the same names.

    Raises:
        DataError: As many values as samples are wanted, or one for all.
        UsageError: The spec declares no such field, or these are no fields by name.
    """
    if given is None:
        return samples
    if not isinstance(given, Mapping):
        known = next(iter(spec.fields), "label")
        raise UsageError(f"fields are a {type(given).__name__}", hint=f"pass a dict by name: fields={{{known!r}: ...}}")
    if not given:
        return samples
    for name in given:
        if name not in spec.fields:
            there = ", ".join(spec.fields) or "none"
            hint = did_you_mean(name, spec.fields, f"its fields: {there}")
            raise UsageError(f"{spec.name} has no field {name!r}", hint=hint)
    arrays = {name: _for_all(name, value, spec.fields[name], len(samples)) for name, value in given.items()}
    words = {name: known for name, known in samples.class_names.items() if name not in given}
    fields = ChainMap(arrays, samples.fields)  # type: ignore[arg-type]
    return replace(samples, labels=None, fields=fields, class_names=words)


def _for_all(name: str, value: Any, field: FieldSpec, n: int) -> Array:
    array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if array.shape == field.sample_shape:
        return np.broadcast_to(array, (n, *array.shape))
    if array.ndim and len(array) == n:
        return array
    kind = "a whole number" if field.classes is not None else f"numbers {text(field.sample_shape)}"
    got = text(array.shape) or "one number"
    raise DataError(f"field {name!r} is {got}, for {n} samples", hint=f"give {kind} for each of them, or once for all")


def check_fields(samples: Samples, spec: Spec, names: Collection[str]) -> None:
    """Refuse fields that are not what the spec declares, naming the first bad sample.

    Args:
        samples: Their fields.
        spec: Declares them.
        names: Those that are needed.

    Raises:
        DataError: A field is missing, of another shape, no number, outside its classes or its range; or a sample has no
            value that its mask counts.
    """
    for name in names:
        if name not in samples.fields:
            there = ", ".join(samples.fields) or "none"
            classes = spec.fields[name].classes
            what = f" (a class, from 0 to {classes - 1})" if classes else ""
            hint = f"pass fields={{{name!r}: ...}}, or --field {name}=...{what}; the data's fields: {there}"
            raise DataError(f"{samples.source}: holds no field {name!r}", hint=hint)
        array, field = samples.fields[name], spec.fields[name]
        _check_shape(samples, name, array, field)
        low, high = field.bounds
        _refuse(samples, name, array, ~np.isfinite(array), "is no finite number")
        if field.classes is not None:
            _refuse(samples, name, array, array != np.rint(array), "is no whole number")
        outside = (array < low) | (array > high)
        _refuse(samples, name, array, outside, f"is outside of [{low:g}, {high:g}]", classes=field.classes)
    for tap in (spec.mask, spec.input.observed):
        if tap is not None and field_name(tap) in names:
            _check_weights(samples, field_name(tap))


def _check_shape(samples: Samples, name: str, array: Array, field: FieldSpec) -> None:
    wanted = (len(samples), *field.sample_shape)
    if array.shape != wanted and (*array.shape, 1) != wanted:
        got, shape = text(array.shape[1:]) or "single numbers", text(field.sample_shape) or "single numbers"
        counts = f"{len(array)} of them, for {len(samples)} samples" if len(array) != len(samples) else f"not {shape}"
        raise DataError(
            f"{samples.source}: field {name!r}: {got}, {counts}", hint=f"declare it as it is: fields.{name}"
        )
    if array.dtype.kind not in "biuf":
        hint = "number the classes from 0" if field.classes is not None else "give numbers"
        raise DataError(f"{samples.source}: field {name!r}: values are {array.dtype}", hint=hint)


def _check_weights(samples: Samples, name: str) -> None:
    """Of a field that counts values: from 0 to 1, and no sample without any."""
    array = samples.fields[name]
    _refuse(samples, name, array, (array < 0) | (array > 1), "is neither 1, for a value that counts, nor 0")
    nothing = ~array.any(axis=tuple(range(1, array.ndim)))
    if nothing.any():
        row = int(nothing.argmax())
        more = f", nor of {int(nothing.sum()) - 1} more" if nothing.sum() > 1 else ""
        message = f"{samples.where(row)}: by field {name!r}, no value of it counts{more}"
        raise DataError(message, hint="leave these samples out")


def _refuse(samples: Samples, name: str, array: Array, bad: Array, why: str, *, classes: int | None = None) -> None:
    if not bad.any():
        return
    row, *position = (int(index) for index in np.unravel_index(int(bad.argmax()), bad.shape))
    at = f", position {position}" if position else ""
    more = f", as are {int(bad.sum()) - 1} more" if bad.sum() > 1 else ""
    message = f"{samples.where(row)}: field {name!r}{at}: {array[(row, *position)]} {why}{more}"
    hint = f"correct the data, or what is declared of fields.{name}"
    if classes is not None:
        hint += f"; {classes} classes are numbered from 0 to {classes - 1}"
    raise DataError(message, hint=hint)
