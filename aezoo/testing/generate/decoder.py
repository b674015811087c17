"""Decoders: the mirror where there is one, else layers of their own that lead from the code to the output."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from aezoo.errors import NoMirror, ShapeError
from aezoo.spec.document import DecoderSpec, Spec
from aezoo.spec.kinds import LayerSpec, Style
from aezoo.spec.mirror import mirror_layers, mirror_source, trace
from aezoo.testing.generate.parts import TRIES, Author
from aezoo.testing.generate.pool import sound
from aezoo.testing.generate.values import Drawn, Hints


def draw_decoder(author: Author, spec: Spec) -> Drawn | None:
    """A decoder for the spec, written None where it is left out; None if none was found."""
    own_first = author.draw(st.integers(0, 3)) == 3
    ways = (_own, _mirror) if own_first else (_mirror, _own)
    found = (way(author, spec) for way in ways)
    return next((drawn for drawn in found if drawn is not None), None)


def _mirror(author: Author, spec: Spec) -> Drawn | None:
    plain = Drawn(author.draw(st.sampled_from([None, "mirror", {"type": "mirror"}])), DecoderSpec())
    changed = author.table(DecoderSpec, Hints(), {"layers": []}) if author.draw(st.booleans()) else None
    if changed is not None:
        changed.written.pop("layers")
    candidates = [drawn for drawn in (changed, plain) if drawn is not None]
    return next((drawn for drawn in candidates if _fits(spec, drawn.part)), None)


def _own(author: Author, spec: Spec) -> Drawn | None:
    for _ in range(TRIES):
        layers = _led_back(author, spec)
        if layers is None:
            continue
        layers = _longer(author, layers, spec.code_shape)
        part = DecoderSpec(type="layers", layers=tuple(layers))
        if _fits(spec, part):
            brief = author.draw(st.booleans())
            listed = [layer.model_dump(mode="json", exclude_none=True, exclude_defaults=brief) for layer in layers]
            return Drawn(author.draw(st.sampled_from([listed, {"layers": listed}])), part)
    return None


def _led_back(author: Author, spec: Spec) -> list[LayerSpec] | None:
    """The mirror, written out, of the encoder or of another stack that starts at the output."""
    target = spec.raw_shape
    shape = author.draw(st.sampled_from([spec.input.shape, target]))
    same = shape == spec.input.shape and author.draw(st.booleans())
    layers = spec.encoder if same else tuple(drawn.part for drawn in author.stack(Hints(shape)))
    try:
        back = spec.latent.mirror(mirror_source(layers, shape, target=target), style=Style())
        return [*back, *mirror_layers(layers, shape, target=target, style=Style())]
    except (NoMirror, ShapeError):
        return None


def _longer(author: Author, layers: Sequence[LayerSpec], shape: tuple[int, ...]) -> list[LayerSpec]:
    """The layers, now and then with one more that keeps the shape."""
    try:
        shapes = trace(layers, shape)
    except ShapeError:
        return list(layers)
    place = author.draw(st.integers(0, 2 * len(layers)))
    if place > len(layers):
        return list(layers)
    more = author.layer(Hints(shapes[place]), accept=lambda output: output == shapes[place])
    return [*layers[:place], *([more.part] if more else []), *layers[place:]]


def _fits(spec: Spec, decoder: DecoderSpec) -> bool:
    return sound(spec.model_copy(update={"decoder": decoder}))
