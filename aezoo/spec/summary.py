"""Summary: every layer of a model with its shape, size and provider, and the terms of its loss. Without torch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from aezoo.errors import ShapeError

if TYPE_CHECKING:
    from aezoo.spec.component import Component
    from aezoo.spec.document import Spec
    from aezoo.spec.kinds import LayerSpec, RegularizerSpec
    from aezoo.spec.shape import Shape


class Row(NamedTuple):
    """One part of a model.

    Attributes:
        stage: Where it stands, by the name of its tap: `encoder.0`; inside a layer, `encoder.1.body.0`.
        layer: Its type.
        settings: What differs from the defaults.
        shape: Of what comes out, for one sample.
        parameters: How many weights it has, those of its body counted.
        provider: `aezoo`, or the namespace of the plugin that brings it.
        body: The layers that it holds.
    """

    stage: str
    layer: str
    settings: dict[str, Any]
    shape: Shape
    parameters: int
    provider: str
    body: tuple[Row, ...] = ()


class Term(NamedTuple):
    """One term of the loss.

    Attributes:
        name: What it is called in the log.
        type: Of the part that computes it.
        weight: A number, or a schedule as a spec would write it.
        reads: The taps it is computed from.
    """

    name: str
    type: str
    weight: Any
    reads: tuple[str, ...]


def layers(spec: Spec) -> Iterator[Row]:
    """Every part from the input to the output; their parameters add up to those of the model."""
    for i, corruption in enumerate(spec.corruption):
        yield _row(f"corruption.{i}", corruption, spec.input.shape)
    yield from _stack("encoder", spec.encoder_layers(), spec.encoder_shapes)
    yield _row("latent", spec.latent, spec.code_shape, spec.latent.parameters(spec.feature_shape))
    if (prior := spec.latent.prior) and (weights := prior.parameters(spec.code_shape, spec)):
        yield _row("latent.prior", prior, spec.code_shape, weights)
    yield from _stack("decoder", spec.decoder_layers(), spec.decoder_shapes, tied=spec.decoder.tied)
    yield _row("likelihood", spec.likelihood, spec.target_shape, spec.likelihood.parameters(spec.target_shape))


class FieldUse(NamedTuple):
    """One field of the samples.

    Attributes:
        name: Its own.
        holds: What it is, in words.
        role: What it is for, in words.
    """

    name: str
    holds: str
    role: str


def field_uses(spec: Spec) -> Iterator[FieldUse]:
    """Every field of a spec, and what it is for."""
    from aezoo.spec.shape import text

    roles = {
        "to encode": spec.input_fields,
        "to decode": spec.code_fields,
        "the target": spec.fields_read((), spec.target),
        "the mask": spec.fields_read((), spec.mask),
        "in training": spec.fields_read((spec.corruption, spec.regularizers, spec.objective)),
    }
    for name, field in spec.fields.items():
        numbers = f"numbers {text(field.sample_shape)}"
        holds = numbers if field.classes is None else f"one of {field.classes} classes"
        role = ", ".join(role for role, names in roles.items() if name in names)
        yield FieldUse(name, holds, role or "for metrics")


def terms(spec: Spec) -> Iterator[Term]:
    """What is added up to the loss: the objective's own terms, then the penalties."""
    compared = ("output", spec.target or "input.clean", *([spec.mask] if spec.mask else ()))
    own, factors = sorted(spec.objective.terms) or [spec.objective.tag()], spec.objective.weights()
    for name in own:
        factor = factors[name].model_dump(mode="json", exclude_none=True) if name in factors else 1.0
        yield Term(name, spec.likelihood.tag(), factor, compared)
    for name, penalty in spec.regularizers.items():
        weight = penalty.weight.model_dump(mode="json", exclude_none=True)
        yield Term(name, penalty.tag(), weight, _reads(penalty, spec))


def _reads(penalty: RegularizerSpec, spec: Spec) -> tuple[str, ...]:
    if penalty.on != "latent":
        return (penalty.on,)
    point, needs = spec.latent.point, penalty.needs
    if "posterior" in needs:
        needs = needs - {"posterior"} | spec.latent.provides | {f"decoder.{i}" for i in spec.levels}
    # "The code" of a posterior is its mean: a sparsity term reads that, and not the draw.
    return tuple(sorted(needs)) or (("latent",) if point == "z" else (point,))


def _stack(stage: str, stack: Sequence[LayerSpec], shapes: Sequence[Shape], *, tied: bool = False) -> Iterator[Row]:
    for i, layer in enumerate(stack):
        yield _layer(f"{stage}.{i}", layer, shapes[i], shapes[i + 1], tied=tied)


def _layer(stage: str, layer: LayerSpec, input_shape: Shape, shape: Shape, *, tied: bool) -> Row:
    own = layer.parameters(input_shape) - (layer.borrowed(input_shape) if tied else 0)
    body: list[Row] = []
    fields = set()
    with suppress(ShapeError):  # a layer that feeds those inside something else, and does not say what
        for path, inner, fed in layer.inside(input_shape):
            name = ".".join(map(str, (stage, *path)))
            body.append(_layer(name, inner, fed, inner.output_shape(fed), tied=tied))
            fields.add(path[0])
    return _row(stage, layer, shape, own, body=tuple(body), shown=fields)


def _row(
    stage: str,
    part: Component,
    shape: Shape,
    parameters: int = 0,
    *,
    body: tuple[Row, ...] = (),
    shown: Collection[str | int] = (),
) -> Row:
    """The row of a part. Fields that are `shown` as rows of their own are no settings."""
    written = part.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    settings = {key: value for key, value in written.items() if key != "type" and key not in shown}
    return Row(stage, part.tag(), settings, shape, parameters, part.namespace or "aezoo", body)
