"""What a spec says of a sample's fields: each that is read is declared, and of a shape that fits where it is read."""

from __future__ import annotations

from collections.abc import Iterator

from aezoo.errors import Fault, KeyPath, ShapeError
from aezoo.hints import did_you_mean
from aezoo.spec.component import FIELDS, Component, field_name
from aezoo.spec.document import Spec
from aezoo.spec.kinds import ReadingLayerSpec
from aezoo.spec.parts import parts
from aezoo.spec.shape import Shape, text


def target_fault(spec: Spec) -> Fault | None:
    """Why there is no target; None if there is one."""
    path: KeyPath = ("target",)
    if spec.target is None:
        return None
    return _undeclared(path, spec.target, spec) or _shapeless(path, spec.target, spec)


def field_faults(spec: Spec) -> Iterator[Fault]:
    """Every fault of fields but that of the target."""
    try:
        target = spec.target_shape
    except ShapeError:  # reported as the target's
        target = None
    yield from _weights(("mask",), spec.mask, target, spec)
    if spec.mask is not None and not spec.likelihood.valuewise:
        message = f"{spec.likelihood.tag()!r} as it is set has one number for a whole sample: no value can be left out"
        yield Fault(("mask",), "AZ534", message, 'likelihood = {type = "gaussian", variance = "learned"}, or another')
    yield from _weights(("input", "observed"), spec.input.observed, spec.input.shape, spec)
    for path, part in parts(spec):
        for key in _keys(path, part):
            if fault := _undeclared((*path, key), getattr(part, key), spec):
                yield fault


def _weights(path: KeyPath, tap: str | None, over: Shape | None, spec: Spec) -> Iterator[Fault]:
    """Of a field that counts the values of something, or leaves them out: its shape broadcasts to theirs."""
    if tap is None:
        return
    if fault := _undeclared(path, tap, spec) or _shapeless(path, tap, spec):
        yield fault
        return
    shape = spec.fields[field_name(tap)].sample_shape
    fits = over is None or (len(shape) == len(over) and all(a in (1, b) for a, b in zip(shape, over, strict=True)))
    if over is not None and not fits:
        message = f"{tap} is {text(shape)}, and says for values {text(over)} which of them count"
        yield Fault(path, "AZ532", message, f"{tap}.shape = {list(over)}, or 1 for axes that share a value")


def _keys(path: KeyPath, part: Component) -> Iterator[str]:
    """The settings of a part that name a field, but for those of whose taps all are checked together."""
    together = "on" if path[0] == "regularizers" else "reads" if isinstance(part, ReadingLayerSpec) else ""
    for key in type(part).model_fields:
        value = getattr(part, key)
        if isinstance(value, str) and value.startswith(FIELDS) and key != together:
            yield key


def _undeclared(path: KeyPath, tap: str, spec: Spec) -> Fault | None:
    if field_name(tap) in spec.fields:
        return None
    name = field_name(tap) or tap
    # By the names alone: all taps of fields begin alike.
    near = next((known for known in spec.fields if did_you_mean(name, [known])), None)
    declare = f"declare it: {FIELDS}{name} = {{shape = [...]}}, or {{classes = ...}}"
    hint = f"write {FIELDS}{tap}" if tap in spec.fields else f"did you mean '{FIELDS}{near}'?" if near else declare
    return Fault(path, "AZ531", f"no field is called {tap!r}", hint)


def _shapeless(path: KeyPath, tap: str, spec: Spec) -> Fault | None:
    field = spec.fields[field_name(tap)]
    if field.shape is not None:
        return None
    message = f"{tap} is one of {field.classes} classes, and the numbers of a field with a shape are wanted"
    return Fault(path, "AZ532", message, f"give it as numbers: {tap} = {{shape = [{field.classes}]}}")
