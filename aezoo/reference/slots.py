"""Where a part of each kind may stand, read off the types of fields: a new slot is told when it is declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel

from aezoo.spec.component import Component, Frozen
from aezoo.spec.document import Spec
from aezoo.spec.kinds import KINDS


def slots(parts: Iterable[type[Component]]) -> dict[str, list[str]]:
    """The places of each kind, in Markdown: `encoder`; `prior` of every latent; `body` of layer `residual`."""
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for kind, place in _of_table(Spec, ""):
        found[kind].append(f"`{place}`")
    for owner in KINDS.values():
        for kind, place in _of_part(owner, Component):
            found[kind].append(f"`{place}` of every {owner.kind}")
    for part in parts:
        for kind, place in _of_part(part, KINDS[part.kind]):
            found[kind].append(f"`{place}` of {part.kind} `{part.tag()}`")
    return found


def _of_table(table: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in table.model_fields.items():
        for held in _models(field.annotation):
            if issubclass(held, Component):
                yield held.kind, f"{prefix}{name}"
            else:
                yield from _of_table(held, f"{prefix}{name}.")


def _of_part(part: type[Component], base: type[Component]) -> Iterator[tuple[str, str]]:
    for name, field in part.model_fields.items():
        if name not in base.model_fields:
            yield from ((held.kind, name) for held in _models(field.annotation) if issubclass(held, Component))


def _models(annotation: Any) -> Iterator[type[Frozen]]:
    """The tables and kinds of parts in a type, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
