"""Checks of `input.sizes`: which part works at one size only, and what the strides need a size to be divisible by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from aezoo.errors import Fault, KeyPath, NoMirror, ShapeError
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import LayerSpec
from aezoo.spec.shape import Shape, text
from aezoo.spec.sizes import nearest_sizes, views, windows
from aezoo.spec.window import Window

SIZES: KeyPath = ("input", "sizes")


def size_faults(spec: Spec) -> Iterator[Fault]:
    """What keeps a model, whose shapes fit, from taking the sizes that its spec promises."""
    multiple = spec.input.multiple
    if multiple is None:
        return
    spatial = spec.input.shape[1:]
    if not spatial:
        yield Fault(SIZES, "AZ408", "a vector has no spatial axes that could have another size", "leave sizes out")
        return
    fixed = [*_fixed(spec)]
    yield from fixed
    if any(n % multiple for n in spatial):
        near = " or ".join(str([spec.input.shape[0], *size]) for size in nearest_sizes(spatial, multiple))
        message = f"{text(spatial)} is not divisible by sizes = {multiple}"
        yield Fault(("input", "shape"), "AZ409", message, f"shape = {near}")
    elif not fixed:
        yield from _indivisible(spec, multiple) or [*_unled(spec, multiple)]


def _fixed(spec: Spec) -> Iterator[Fault]:
    """The parts that work at one size only; of a mirror, where it is not what it mirrors."""
    faults = [_of_one_size(path, part) for path, part, window in windows(spec) if window is None]
    own = [fault for fault in faults if fault.path != ("decoder",)]
    yield from own or faults[:1]
    prior = spec.latent.prior
    if prior and not prior.resizable:
        message = f"the prior {prior.tag()!r} is one over codes of one size"
        yield Fault(("latent", "prior"), "AZ408", message, 'prior = "standard_normal", or leave input.sizes out')
    if not spec.likelihood.resizable:
        message = f"the likelihood {spec.likelihood.tag()!r} is one of data of one size"
        yield Fault(("likelihood",), "AZ408", message, "take another likelihood, or leave input.sizes out")


def _of_one_size(path: KeyPath, part: Component) -> Fault:
    cures = {"latent": 'layout = "spatial"', "decoder": "write its layers yourself: decoder = [...]"}
    cure = cures[str(path[0])] if len(path) == 1 else "take convolutions, or other layers without fixed positions"
    message = f"{part.tag()!r} works at one size only: its weights or its output belong to fixed positions"
    return Fault(path, "AZ408", message, f"{cure}; or leave input.sizes out")


def _indivisible(spec: Spec, multiple: int) -> list[Fault]:
    """The strides, if not all sizes that are promised can be divided by them."""
    seen = views(spec)
    if seen is None or multiple % (needed := seen.both.multiple) == 0:
        return []
    sizes = (
        f"strides lead through sizes that are divisible by {needed}, and sizes = {spec.input.sizes!r} promises others"
    )
    return [Fault(SIZES, "AZ409", sizes.replace("'", '"'), f"sizes = {needed}")]


def _unled(spec: Spec, multiple: int) -> Iterator[Fault]:
    """The first layer that at a larger size has another shape than its stride leads to."""
    shape = spec.input.shape
    larger = spec.at((shape[0], *(n + multiple for n in shape[1:])))
    fault = _other_size(("encoder",), spec.encoder, spec.encoder_shapes, larger.input.shape)
    if fault is None and spec.decoder.type == "layers":
        fault = _other_size(("decoder", "layers"), spec.decoder.layers, spec.decoder_shapes, larger.code_shape)
    if fault is None and (why := _no_return(larger)):
        message = f"for an input of {text(larger.input.shape)} {why}"
        fault = Fault(("decoder",), "AZ408", message, "let it grow by the strides by which the encoder shrinks")
    if fault is not None:
        yield fault


def _other_size(stem: KeyPath, layers: Sequence[LayerSpec], shapes: Sequence[Shape], shape: Shape) -> Fault | None:
    """The first layer whose output for an input of another size is not as much larger as its stride says."""
    cure = "let its size follow from that of its input: a factor, a stride, an output_padding"
    for i, layer in enumerate(layers):
        window = layer.sees(shapes[i])
        assert window is not None
        try:
            output = layer.output_shape(shape)
        except ShapeError as error:
            return Fault((*stem, i), "AZ408", f"for an input of {text(shape)}: {error}", cure)
        if output[1:] != _led(shapes[i][1:], shapes[i + 1][1:], shape[1:], window):
            return Fault((*stem, i), "AZ408", f"gives {text(output)} for an input of {text(shape)}, too", cure)
        shape = output
    return None


def _led(before: Shape, after: Shape, other: Shape, window: Window) -> tuple[Fraction, ...]:
    """The size of the output for another size of the input, if it is `after` for `before`."""
    axes = zip(before, after, other, strict=True)
    return tuple(output + Fraction(new - old) / Fraction(window.stride) for old, output, new in axes)


def _no_return(spec: Spec) -> str:
    """Why the decoder does not lead back; empty if it does."""
    try:
        ends = spec.decoder_shapes[-1]
    except (ShapeError, NoMirror) as error:
        return f"there is no way back: {error}"
    return "" if ends == spec.raw_shape else f"it ends in {text(ends)}"
