"""Groups of an optimizer: whether what they are `on` is there, and has weights."""

from __future__ import annotations

from collections.abc import Iterator

from aezoo.errors import Fault, KeyPath
from aezoo.hints import did_you_mean
from aezoo.spec.document import Spec
from aezoo.spec.kinds import OptimizerSpec
from aezoo.spec.parts import parts

#: How many places a hint lists.
LISTED = 12


def group_faults(spec: Spec, *, decoder: int | None, fits: bool) -> Iterator[Fault]:
    """Faults of the groups of every optimizer in a spec.

    Args:
        spec: Whose parts are each valid.
        decoder: How many layers the decoder has; None if its mirror cannot be worked out.
        fits: Whether its shapes do: then weights can be counted.
    """
    for path, part in parts(spec):
        if isinstance(part, OptimizerSpec):
            for i, group in enumerate(part.groups):
                yield from _faults((*path, "groups", i), group.places, spec, decoder=decoder, fits=fits)


def _faults(path: KeyPath, on: tuple[str, ...], spec: Spec, *, decoder: int | None, fits: bool) -> Iterator[Fault]:
    places = [*_places(spec, decoder)]
    unknown = [place for place in on if place not in places and not (decoder is None and place.startswith("decoder."))]
    for place in unknown:
        more = ", ..." if len(places) > LISTED else ""
        hint = did_you_mean(place, places, f"there are: {', '.join(places[:LISTED])}{more}")
        yield Fault((*path, "on"), "AZ524", f"no part with weights is called {place!r}", hint)
    if on and fits and not unknown and not any(_weights(spec, place) for place in on):
        yield Fault((*path, "on"), "AZ524", f"{', '.join(on)} has no weights", "leave the group out")


def _places(spec: Spec, decoder: int | None) -> Iterator[str]:
    yield from ("encoder", "latent", *(["decoder"] if spec.reconstructs else []))
    yield from (f"encoder.{i}" for i in range(len(spec.encoder)))
    yield from (f"decoder.{i}" for i in range((decoder or 0) if spec.reconstructs else 0))
    yield from ["latent.prior"] if spec.latent.prior else []
    yield from ("likelihood", "objective", *(f"regularizers.{name}" for name in spec.regularizers))


def _weights(spec: Spec, place: str) -> int:
    """How many weights a place declares; at least 1 where only what is built tells."""
    stack, _, index = place.partition(".")
    latent, prior = spec.latent, spec.latent.prior
    if stack in ("objective", "regularizers"):
        return 1
    if stack == "likelihood":
        return spec.likelihood.parameters(spec.target_shape)
    if stack == "latent":
        own = 0 if index else latent.parameters(spec.feature_shape)
        return own + (prior.parameters(spec.code_shape, spec) if prior else 0)
    pairs = zip(spec.encoder_layers(), spec.encoder_shapes, strict=False)
    counts = [layer.parameters(shape) for layer, shape in pairs] if stack == "encoder" else spec.decoder_parameters()
    return counts[int(index)] if index else sum(counts)
