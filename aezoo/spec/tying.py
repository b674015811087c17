"""Tying: which maps of a mirrored decoder can use the encoder's weights, transposed. Derived from declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aezoo.spec.document import Spec
from aezoo.spec.kinds import Affine, LatentSpec, LayerSpec, ReadingLayerSpec
from aezoo.spec.shape import Shape


def untied(spec: Spec) -> str:
    """Why the decoder of a spec cannot be tied; empty if it can, or if a part does not say what maps it has.

    The shapes of the spec must fit.
    """
    for layer in (*spec.encoder, *spec.decoder_layers()):
        if isinstance(layer, ReadingLayerSpec):
            return f"{layer.tag()!r} reads {layer.reads!r}, and what it makes of it has no transpose"
    sources: list[LayerSpec | LatentSpec] = [*spec.encoder_layers(), spec.latent]
    ours = [*_candidates(zip(sources, spec.encoder_shapes, strict=True))]
    theirs = [*_candidates(zip(spec.decoder_layers(), spec.decoder_shapes, strict=False))]
    for message in (*ours, *theirs):
        if isinstance(message, str):
            return message
    if None in (*ours, *theirs):
        return ""
    if len(ours) != len(theirs):
        return f"encoder and latent have {len(ours)} maps, the decoder {len(theirs)}"
    pairs = zip(ours, reversed(theirs), strict=True)
    reasons = (disagreement(a, b) for a, b in pairs if isinstance(a, Affine) and isinstance(b, Affine))
    return next(filter(None, reasons), "")


def disagreement(source: Affine, replaced: Affine) -> str:
    """Why a map cannot be another's transpose; empty if it can."""
    if bool(source.kernel) != bool(replaced.kernel):
        return f"cannot tie a {_word(replaced)} to a {_word(source)}"
    if (source.inputs, source.outputs) != (replaced.outputs, replaced.inputs):
        message = f"a map {replaced.inputs} -> {replaced.outputs} to a map {source.inputs} -> {source.outputs}"
        return f"cannot tie {message}: their weights are not each other's transposes"
    for name in ("kernel", "dilation", "groups"):
        one, other = getattr(replaced, name), getattr(source, name)
        if one != other:
            return f"cannot tie a map of {name} {one} to one of {name} {other}"
    if source.transposed == replaced.transposed and replaced.stride != 1:
        return "cannot tie two convolutions where the second has a stride: one must be transposed"
    reach = replaced.dilation * (min(replaced.kernel, default=1) - 1)
    if source.transposed == replaced.transposed and replaced.padding > reach:
        return f"cannot tie a convolution padded beyond its kernel: {replaced.padding}"
    return ""


def _word(layer: Affine) -> str:
    return "convolution" if layer.kernel else "linear map"


def _candidates(stack: Iterable[tuple[LayerSpec | LatentSpec, Shape]]) -> Iterator[Affine | str | None]:
    """For each part with weights its one map, or why it has not one; None for a part that does not say."""
    for part, shape in stack:
        maps = part.maps(shape)
        if maps is None:
            yield None
        elif len(maps) == 1:
            yield maps[0]
        elif maps or (part.parameters(shape) and not getattr(part, "carries", False)):
            many = f"{len(maps)} maps" if maps else "weights that are no map"
            yield f"only a part of one map can be tied; {part.kind} {part.tag()!r} has {many}"
