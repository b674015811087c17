"""Samples of another size than the declared one, for a model whose input has `sizes`."""

from __future__ import annotations

from fractions import Fraction

from aezoo.errors import DataError, NoMirror, ShapeError
from aezoo.spec.document import Spec
from aezoo.spec.samples import Samples
from aezoo.spec.shape import Shape, text
from aezoo.spec.sizes import nearest_sizes, views


def is_resized(shape: Shape, spec: Spec) -> bool:
    """Whether samples differ from the input in size alone, and the spec allows that."""
    declared = spec.input.shape
    other = shape != declared and len(shape) == len(declared) and shape[:1] == declared[:1]
    return other and spec.input.sizes is not None


def check_size(samples: Samples, spec: Spec) -> None:
    """Refuse samples whose size the model does not take. Raises `DataError`."""
    shape, multiple = samples.shape, spec.input.multiple or 1
    spatial = shape[1:]
    if any(n % multiple for n in spatial):
        smaller, larger = nearest_sizes(spatial, multiple)
        pads = ", ".join(f"(0, {wide - n})" for n, wide in zip(spatial, larger, strict=True))
        crop = f"crop them to {text(smaller)}, or " if min(spatial) >= multiple else ""
        raise DataError(
            f"{samples.source}: samples are {text(shape)}, the model takes sizes divisible by {multiple}",
            hint=f'{crop}pad them to {text(larger)}: numpy.pad(values, ((0, 0), (0, 0), {pads}), mode="edge")',
        )
    try:
        other = spec.at(shape)
        _ = other.code_shape, other.decoder_shapes
    except (ShapeError, NoMirror) as error:
        raise DataError(
            f"{samples.source}: samples are {text(shape)}, too small for the model: {error}",
            hint=f"the model was declared for {text(spec.input.shape)}",
        ) from None


def input_of(code: Shape, declared: Shape, spec: Spec) -> Shape | None:
    """The shape of the input whose code has this shape; None if there is none.

    Args:
        code: Of a code, or of the names of a discrete one.
        declared: The same for the declared input.
        spec: Of the model.
    """
    axes = len(spec.input.shape) - 1
    lead = len(declared) - axes
    seen = views(spec) if spec.input.sizes is not None else None
    if seen is None or len(code) != len(declared) or code[:lead] != declared[:lead]:
        return None
    more = [(n - known) * Fraction(seen.encoder.stride) for n, known in zip(code[lead:], declared[lead:], strict=True)]
    sizes = [n + further for n, further in zip(spec.input.shape[1:], more, strict=True)]
    if any(n < 1 or n % (spec.input.multiple or 1) for n in sizes):
        return None
    shape = (spec.input.shape[0], *map(int, sizes))
    return shape if _fits(shape, spec) else None


def _fits(shape: Shape, spec: Spec) -> bool:
    other = spec.at(shape)
    try:
        return other.decoder_shapes[-1] == other.raw_shape
    except (ShapeError, NoMirror):
        return False
