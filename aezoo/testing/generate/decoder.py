"""Decoders: the mirror where there is one, else layers that lead from the code to the output."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from aezoo.errors import NoMirror, ShapeError
from aezoo.spec.document import DecoderSpec, Spec
from aezoo.spec.kinds import LayerSpec, Style
from aezoo.spec.mirror import mirror_layers, mirror_source, trace
from aezoo.testing.generate.parts import TRIES, PartGenerator, is_level
from aezoo.testing.generate.pool import is_valid
from aezoo.testing.generate.values import DrawnPart, Hints


def draw_decoder(generator: PartGenerator, spec: Spec) -> DrawnPart | None:
    """A decoder for the spec, with `written` None where a spec leaves it out; None if none fits."""
    own_first = generator.draw(st.integers(0, 3)) == 3 or is_level(generator.pool.containing)
    ways = (_own_layers, _mirror) if own_first else (_mirror, _own_layers)
    decoders = (way(generator, spec) for way in ways)
    return next((drawn for drawn in decoders if drawn is not None), None)


def _mirror(generator: PartGenerator, spec: Spec) -> DrawnPart | None:
    plain = DrawnPart(generator.draw(st.sampled_from([None, "mirror", {"type": "mirror"}])), DecoderSpec())
    changed = generator.table(DecoderSpec, Hints(), {"layers": []}) if generator.draw(st.booleans()) else None
    if changed is not None:
        changed.written.pop("layers")
    candidates = [drawn for drawn in (changed, plain) if drawn is not None]
    return next((drawn for drawn in candidates if _fits(spec, drawn.part)), None)


def _own_layers(generator: PartGenerator, spec: Spec) -> DrawnPart | None:
    for _ in range(TRIES):
        layers = _mirrored_layers(generator, spec)
        if layers is None:
            continue
        layers = _with_one_more(generator, layers, spec)
        part = DecoderSpec(type="layers", layers=tuple(layers))
        if _fits(spec, part):
            brief = generator.draw(st.booleans())
            listed = [layer.model_dump(mode="json", exclude_none=True, exclude_defaults=brief) for layer in layers]
            return DrawnPart(generator.draw(st.sampled_from([listed, {"layers": listed}])), part)
    return None


def _mirrored_layers(generator: PartGenerator, spec: Spec) -> list[LayerSpec] | None:
    """The mirror, written out, of the encoder or of another stack that starts at the output."""
    target = spec.raw_shape
    shape = generator.draw(st.sampled_from([spec.input.shape, target]))
    same = shape == spec.input.shape and generator.draw(st.booleans())
    layers = spec.encoder_layers() if same else tuple(drawn.part for drawn in generator.stack(Hints(shape)))
    try:
        back = spec.latent.mirror(mirror_source(layers, shape, target=target), style=Style())
        return [*back, *mirror_layers(layers, shape, target=target, style=Style())]
    except (NoMirror, ShapeError):
        return None


def _with_one_more(generator: PartGenerator, layers: Sequence[LayerSpec], spec: Spec) -> list[LayerSpec]:
    """The layers, sometimes with one more that keeps the shape; a stochastic one that has to occur is that."""
    try:
        shapes = trace(layers, spec.code_shape)
    except ShapeError:
        return list(layers)
    must = generator.pool.containing
    of = [must] if must is not None and is_level(must) else []
    index = generator.draw(st.integers(0, len(layers) * (1 if of else 2)))
    if index > len(layers):
        return list(layers)
    taps = [(f"encoder.{i}", shape) for i, shape in enumerate(spec.encoder_shapes[1:])]
    taps += [(f"decoder.{i}", shape) for i, shape in enumerate(shapes[1 : index + 1])]
    hints = Hints(shapes[index], tuple(name for name, _ in taps), tuple(taps), "decoder")
    more = generator.layer(hints, accept=lambda output: output == shapes[index], of=of)
    return [*layers[:index], *([more.part] if more else []), *layers[index:]]


def _fits(spec: Spec, decoder: DecoderSpec) -> bool:
    return is_valid(spec.model_copy(update={"decoder": decoder}))
