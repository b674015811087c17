"""Branches: what a spec may have beside its trunk. A part that the spec refuses is drawn again, or left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from aezoo.spec.document import Spec
from aezoo.spec.kinds import (
    ConstraintSpec,
    CorruptionSpec,
    OptimizerSpec,
    RegularizerSpec,
    ScheduleSpec,
)
from aezoo.spec.training import TrainingSpec
from aezoo.testing.generate.draft import Sketch
from aezoo.testing.generate.parts import TRIES
from aezoo.testing.generate.pool import sound
from aezoo.testing.generate.values import NAMES, NOWHERE, Drawn, Hints, draw_value

#: What a document says of itself, and what it wants installed.
WORDS = ("description", "license", "paper")
REQUIRES: st.SearchStrategy[list[str]] = st.sampled_from([[], ["aezoo"], ["aezoo>=0.1"]])
RARELY = st.integers(0, 7).map(lambda n: n == 7)


def draw_branches(sketch: Sketch) -> None:
    """Write words, corruption, penalties, constraints and training."""
    _words(sketch)
    _corruptions(sketch)
    _named(sketch, "regularizers", RegularizerSpec)
    _named(sketch, "constraints", ConstraintSpec)
    _training(sketch)


def _words(sketch: Sketch) -> None:
    for key in ("name", *WORDS):
        field = Spec.model_fields[key]
        if key == "name" or sketch.draw(RARELY):
            sketch.written[key] = draw_value(sketch.author, field.annotation, field.metadata, NOWHERE)
    if sketch.draw(RARELY):
        sketch.written["requires"] = sketch.draw(REQUIRES)


def _corruptions(sketch: Sketch) -> None:
    chain: list[Drawn] = []

    def fits(part: CorruptionSpec) -> bool:
        return sound(sketch.with_("corruption", (*(link.part for link in chain), part)))

    for _ in range(_count(sketch, CorruptionSpec.kind, 3)):
        drawn = sketch.author.part(CorruptionSpec, accept=fits)
        chain += [drawn] if drawn else []
    if chain:
        sketch.keep("corruption", tuple(link.part for link in chain), [link.written for link in chain])


def _count(sketch: Sketch, kind: str, most: int) -> int:
    return int(sketch.draw(st.integers(int(sketch.workshop.forces(kind)), most)))


def _named(sketch: Sketch, key: str, base: type[RegularizerSpec | ConstraintSpec]) -> None:
    """A table of parts by name: penalties, constraints."""
    for _ in range(_count(sketch, base.kind, 2)):
        there, name = getattr(sketch.spec, key), sketch.draw(NAMES)
        drawn = _fitting(sketch, key, base, name)
        if drawn is None:
            continue
        tag = drawn.part.tag()
        if tag.isidentifier() and tag not in there and sketch.draw(st.booleans()):
            name = tag
        written = {**sketch.written.get(key, {}), name: _unnamed(sketch, name, drawn.written)}
        sketch.keep(key, {**there, name: drawn.part}, written)


def _fitting(sketch: Sketch, key: str, base: type[Any], name: str) -> Drawn | None:
    """A part that the spec takes under this name; for a wanted one, the latent gives way."""
    hints = Hints(words=places(sketch.spec) if base is ConstraintSpec else tuple(sketch.spec.taps))

    def fits(part: Any) -> bool:
        return sound(sketch.with_(key, {**getattr(sketch.spec, key), name: part}))

    drawn: Drawn | None = sketch.author.part(base, hints, accept=fits)
    if drawn is not None or not sketch.workshop.forces(base.kind):
        return drawn
    drawn = sketch.author.part(base, hints)
    turned = [choice for choice in _turned(sketch) if drawn and sound(_with_latent(sketch, choice, key, name, drawn))]
    if drawn is None or not turned:
        return None
    latent = sketch.draw(st.sampled_from(turned))
    sketch.spec, sketch.written["latent"] = sketch.with_("latent", latent.part), latent.written
    return drawn


def _with_latent(sketch: Sketch, latent: Drawn, key: str, name: str, drawn: Drawn) -> Spec:
    return sketch.spec.model_copy(update={"latent": latent.part, key: {**getattr(sketch.spec, key), name: drawn.part}})


def _turned(sketch: Sketch) -> Iterator[Drawn]:
    """The latent with one of its choices made otherwise: what it ends in, how it is laid out."""
    latent, written = sketch.spec.latent, sketch.written["latent"]
    table = {"type": written} if isinstance(written, str) else written
    for name, field in type(latent).model_fields.items():
        if name != "type" and get_origin(field.annotation) is Literal:
            for choice in get_args(field.annotation):
                yield Drawn({**table, name: choice}, latent.model_copy(update={name: choice}))


def _unnamed(sketch: Sketch, name: str, written: Any) -> Any:
    """A part's table without the type that its name says already, now and then."""
    if isinstance(written, dict) and written["type"] == name and sketch.draw(st.booleans()):
        return {key: value for key, value in written.items() if key != "type"}
    return written


def _training(sketch: Sketch) -> None:
    """How it is trained: by one of the terms there are, or as by default."""
    hints = Hints(words=("last", "total", *sketch.spec.objective.terms, *sketch.spec.regularizers))
    needed = sketch.workshop.forces(OptimizerSpec.kind, ScheduleSpec.kind)
    for _ in range(TRIES if needed or sketch.draw(st.booleans()) else 0):
        drawn = sketch.author.table(TrainingSpec, hints, {})
        if drawn is not None and sketch.keep("training", drawn.part, drawn.written):
            return


def places(spec: Spec) -> tuple[str, ...]:
    """What a constraint may hold."""
    stacks = {"encoder": len(spec.encoder), "decoder": len(spec.decoder_layers())}
    return (*stacks, "latent", *(f"{stack}.{i}" for stack, count in stacks.items() for i in range(count)))
