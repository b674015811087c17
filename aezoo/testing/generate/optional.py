"""The optional keys of a spec. A part that the spec refuses is drawn again, or left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from aezoo.spec.document import Spec
from aezoo.spec.fields import FieldSpec
from aezoo.spec.kinds import (
    ConstraintSpec,
    CorruptionSpec,
    OptimizerSpec,
    RegularizerSpec,
    ScheduleSpec,
)
from aezoo.spec.sizes import views
from aezoo.spec.training import TrainingSpec
from aezoo.testing.generate.draft import Draft
from aezoo.testing.generate.parts import TRIES
from aezoo.testing.generate.pool import is_valid
from aezoo.testing.generate.values import NAMES, NO_HINTS, DrawnPart, Hints, draw_value

#: Keys that describe a spec, and values of `requires`.
METADATA = ("description", "license", "paper")
REQUIRES: st.SearchStrategy[list[str]] = st.sampled_from([[], ["aezoo"], ["aezoo>=0.1"]])
RARELY = st.integers(0, 7).map(lambda n: n == 7)


def draw_optional(draft: Draft) -> None:
    """Write metadata, fields, corruption, regularizers, constraints and training."""
    _metadata(draft)
    _sizes(draft)
    _fields(draft)
    _corruptions(draft)
    _named(draft, "regularizers", RegularizerSpec)
    _named(draft, "constraints", ConstraintSpec)
    _training(draft)


def _metadata(draft: Draft) -> None:
    for key in ("name", *METADATA):
        field = Spec.model_fields[key]
        if key == "name" or draft.draw(RARELY):
            draft.written[key] = draw_value(draft.generator, field.annotation, field.metadata, NO_HINTS)
    if draft.draw(RARELY):
        draft.written["requires"] = draft.draw(REQUIRES)


def _sizes(draft: Draft) -> None:
    """The sizes that a drawn model takes, if it takes more than one."""
    seen = views(draft.spec) if draft.draw(RARELY) else None
    if seen is not None:
        sizes = seen.both.multiple * draft.draw(st.integers(1, 2))
        table = (
            draft.written["input"] if isinstance(draft.written["input"], dict) else {"shape": draft.written["input"]}
        )
        draft.try_set("input", draft.spec.input.model_copy(update={"sizes": sizes}), {**table, "sizes": sizes})


def _fields(draft: Draft) -> None:
    """A class, and numbers of the input's shape, which may be its mask, its target or what a corruption hides by."""
    if not (draft.pool.requires_kind(CorruptionSpec.kind) or draft.draw(RARELY)):
        return
    written: dict[str, Any] = {"label": {"classes": 3}, "kept": {"shape": list(draft.spec.input.shape)}}
    fields = {name: FieldSpec.model_validate(field) for name, field in written.items()}
    if draft.try_set("fields", fields, written):
        for key in ("mask", "target"):
            if draft.draw(st.booleans()):
                draft.try_set(key, "fields.kept", "fields.kept")


def _corruptions(draft: Draft) -> None:
    hints = Hints(names=tuple(f"fields.{name}" for name, field in draft.spec.fields.items() if field.shape))
    chain: list[DrawnPart] = []

    def fits(part: CorruptionSpec) -> bool:
        return is_valid(draft.with_value("corruption", (*(link.part for link in chain), part)))

    for _ in range(_count(draft, CorruptionSpec.kind, 3)):
        drawn = draft.generator.part(CorruptionSpec, hints, accept=fits)
        chain += [drawn] if drawn else []
    if chain:
        draft.try_set("corruption", tuple(link.part for link in chain), [link.written for link in chain])


def _count(draft: Draft, kind: str, most: int) -> int:
    return int(draft.draw(st.integers(int(draft.pool.requires_kind(kind)), most)))


def _named(draft: Draft, key: str, base: type[RegularizerSpec | ConstraintSpec]) -> None:
    """A table of parts by name: regularizers, constraints."""
    for _ in range(_count(draft, base.kind, 2)):
        named, name = getattr(draft.spec, key), draft.draw(NAMES)
        drawn = _fitting_part(draft, key, base, name)
        if drawn is None:
            continue
        tag = drawn.part.tag()
        if tag.isidentifier() and tag not in named and draft.draw(st.booleans()):
            name = tag
        written = {**draft.written.get(key, {}), name: _unnamed(draft, name, drawn.written)}
        draft.try_set(key, {**named, name: drawn.part}, written)


def _fitting_part(draft: Draft, key: str, base: type[Any], name: str) -> DrawnPart | None:
    """A part that the spec takes under this name; for the part that has to occur, the latent may be changed."""
    hints = Hints(names=constraint_targets(draft.spec) if base is ConstraintSpec else tuple(draft.spec.taps))

    def fits(part: Any) -> bool:
        return is_valid(draft.with_value(key, {**getattr(draft.spec, key), name: part}))

    drawn: DrawnPart | None = draft.generator.part(base, hints, accept=fits)
    if drawn is not None or not draft.pool.requires_kind(base.kind):
        return drawn
    drawn = draft.generator.part(base, hints)
    choices = [
        choice for choice in _latent_choices(draft) if drawn and is_valid(_with_latent(draft, choice, key, name, drawn))
    ]
    if drawn is None or not choices:
        return None
    latent = draft.draw(st.sampled_from(choices))
    draft.spec, draft.written["latent"] = draft.with_value("latent", latent.part), latent.written
    return drawn


def _with_latent(draft: Draft, latent: DrawnPart, key: str, name: str, drawn: DrawnPart) -> Spec:
    return draft.spec.model_copy(update={"latent": latent.part, key: {**getattr(draft.spec, key), name: drawn.part}})


def _latent_choices(draft: Draft) -> Iterator[DrawnPart]:
    """The latent with another value in one field of choices, such as its activation or layout."""
    latent, written = draft.spec.latent, draft.written["latent"]
    table = {"type": written} if isinstance(written, str) else written
    for name, field in type(latent).model_fields.items():
        if name != "type" and get_origin(field.annotation) is Literal:
            for choice in get_args(field.annotation):
                yield DrawnPart({**table, name: choice}, latent.model_copy(update={name: choice}))


def _unnamed(draft: Draft, name: str, written: Any) -> Any:
    """A part's table, sometimes without a type that equals its name."""
    if isinstance(written, dict) and written["type"] == name and draft.draw(st.booleans()):
        return {key: value for key, value in written.items() if key != "type"}
    return written


def _training(draft: Draft) -> None:
    """Training settings, which may name a term of the loss; or none."""
    hints = Hints(names=("last", "total", *draft.spec.objective.terms, *draft.spec.regularizers))
    needed = draft.pool.requires_kind(OptimizerSpec.kind, ScheduleSpec.kind)
    for _ in range(TRIES if needed or draft.draw(st.booleans()) else 0):
        drawn = draft.generator.table(TrainingSpec, hints, {})
        if drawn is not None and draft.try_set("training", drawn.part, drawn.written):
            return


def constraint_targets(spec: Spec) -> tuple[str, ...]:
    """What a constraint may be `on`."""
    stacks = {"encoder": len(spec.encoder), "decoder": len(spec.decoder_layers())}
    return (*stacks, "latent", *(f"{stack}.{i}" for stack, count in stacks.items() for i in range(count)))
