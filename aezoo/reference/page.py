"""The reference as a page: kinds, their parts, and the tables that a spec is made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from pydantic import BaseModel

from aezoo.reference.entry import FieldEntry, facts, fields_of, text_of, toml_value
from aezoo.reference.markdown import escaped, grid, joined, link
from aezoo.reference.words import Wording, plural
from aezoo.spec.component import Component, Frozen
from aezoo.spec.document import DecoderSpec, InputSpec, Spec
from aezoo.spec.kinds import KINDS
from aezoo.spec.slots import tables
from aezoo.spec.training import TrainingSpec

Parts = Sequence[type[Component]]

#: The tables of the spec itself, by the heading they get.
TABLES: dict[str, type[BaseModel]] = {
    "Spec": Spec,
    "Table `input`": InputSpec,
    "Table `decoder`": DecoderSpec,
    "Table `training`": TrainingSpec,
}
#: Where docs/spec.md explains what a kind is about: title and anchor.
CONCEPTS = {
    "layer": {"layers and `each`": "layers-and-each", "the decoder": "the-decoder", "shapes": "shapes"},
    "latent": {"taps": "taps"},
    "likelihood": {"losses and weights": "losses-and-weights"},
    "regularizer": {"losses and weights": "losses-and-weights", "taps": "taps"},
    "constraint": {"taps": "taps"},
    "corruption": {"the input": "input"},
    "schedule": {"losses and weights": "losses-and-weights"},
    "optimizer": {"training": "training"},
}

WHOLE = """\
Every built-in part that a spec may name: what it is, what it takes, and an example as it stands in a spec.
[The spec language](spec.md) says how parts are put together, merged and checked.

This page is what `aezoo components aezoo: --markdown` prints, made from the declarations themselves; the tests build
each example and train it for a step. With the name of a plugin in place of `aezoo` it is the page of that plugin."""
LEGEND = """\
`[0, 1)` is the interval that holds 0 and not 1. A key whose default is empty may be left out, and then nothing stands
there."""
MACROS = """\
`extends`, `variants`, `unset` and `each` are gone once a spec is read: see [merging](spec.md#merging),
[editing](spec.md#editing-what-is-there) and [layers](spec.md#layers-and-each)."""


def whole(parts: Iterable[type[Component]]) -> str:
    """The page of all built-in parts, with the tables of the spec: docs/parts.md."""
    parts = list(parts)
    contents = ("the document", " · ".join(link(title, title) for title in TABLES))
    return joined(["# Parts", WHOLE, _contents(parts, contents), LEGEND, *_tables(), *_kinds(parts, CONCEPTS)])


def excerpt(parts: Iterable[type[Component]]) -> str:
    """The page of some parts: of one kind, of one plugin. It stands alone and links to no other page."""
    parts = list(parts)
    return joined(["# Parts", _contents(parts), LEGEND, *_kinds(parts, {})])


def _title(part: type[Component]) -> str:
    return f"{part.kind} `{part.tag()}`"


def _heading(kind: str) -> str:
    return plural(kind).capitalize()


def _of(kind: str, parts: Parts) -> Parts:
    return [part for part in parts if part.kind == kind]


def _contents(parts: Parts, *first: Sequence[str]) -> str:
    rows = [(link(plural(kind), _heading(kind)), _links(_of(kind, parts))) for kind in KINDS if _of(kind, parts)]
    return grid(("kind", "parts"), [*first, *rows])


def _links(parts: Parts) -> str:
    return " · ".join(link(f"`{part.tag()}`", _title(part)) for part in parts)


def _tables() -> Iterator[str]:
    for title, model in TABLES.items():
        yield f"## {title}"
        yield from _prose(model)
        yield _fields(fields_of(model, _linking(KINDS)._replace(table=_table)))
        yield MACROS if model is Spec else ""


def _kinds(parts: Parts, concepts: dict[str, dict[str, str]]) -> Iterator[str]:
    present = {kind: _of(kind, parts) for kind in KINDS if _of(kind, parts)}
    places = slots(parts)
    for kind, members in present.items():
        yield f"## {_heading(kind)}"
        yield from _prose(KINDS[kind])
        yield _stands(places[kind], concepts.get(kind, {}))
        for part in members:
            yield from _part(part, _linking(present))


def _stands(places: Sequence[str], concepts: dict[str, str]) -> str:
    sentence = f"Where it stands: {', '.join(places)}." if places else "It stands in no slot of a spec."
    more = ", ".join(f"[{title}](spec.md#{heading})" for title, heading in concepts.items())
    return f"{sentence} More: {more}." if more else sentence


def _part(part: type[Component], wording: Wording) -> Iterator[str]:
    yield f"### {_title(part)}"
    yield from _prose(part)
    yield " ".join(facts(part))
    yield _fields(fields_of(part, wording))
    if example := text_of(part).example:
        yield f"```toml\n{example}\n```"


def _prose(model: type[BaseModel]) -> Iterator[str]:
    text = text_of(model)
    yield escaped(text.summary)
    yield escaped(text.body)


def _fields(fields: Iterable[FieldEntry]) -> str:
    rows = [(f"`{field.name}`", field.takes, _default(field), escaped(field.description)) for field in fields]
    return grid(("key", "takes", "default", "what it is"), rows) if rows else ""


def _default(field: FieldEntry) -> str:
    if field.required:
        return "*required*"
    return "" if field.default in (None, "", [], {}) else f"`{toml_value(field.default)}`"


def _linking(linked: Collection[str]) -> Wording:
    return Wording(choice=_choice, slot=_slot(linked))


def _table(model: type[BaseModel], many: bool) -> str:
    """The word `table`, linked to where the keys of this table are listed."""
    return next((link("table", title) for title, table in TABLES.items() if table is model), "table")


def _choice(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _slot(linked: Collection[str]) -> Callable[[str, bool], str]:
    def linked_kind(kind: str, many: bool) -> str:
        word = plural(kind, many=many)
        return link(word, _heading(kind)) if kind in linked else word

    return linked_kind


# --- where parts stand --------------------------------------------------------------------------------------


def slots(parts: Iterable[type[Component]]) -> dict[str, list[str]]:
    """The places of each kind, in Markdown: `encoder`; `prior` of every latent; `body` of layer `residual`."""
    slots_of: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for kind, slot in _of_table(Spec, ""):
        slots_of[kind].append(f"`{slot}`")
    for owner in KINDS.values():
        for kind, slot in _of_part(owner, Component):
            slots_of[kind].append(f"`{slot}` of every {owner.kind}")
    for part in parts:
        for kind, slot in _of_part(part, KINDS[part.kind]):
            slots_of[kind].append(f"`{slot}` of {part.kind} `{part.tag()}`")
    return slots_of


def _of_table(table: type[Frozen], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in table.model_fields.items():
        for inner in tables(field.annotation):
            if issubclass(inner, Component):
                yield inner.kind, f"{prefix}{name}"
            else:
                yield from _of_table(inner, f"{prefix}{name}.")


def _of_part(part: type[Component], base: type[Component]) -> Iterator[tuple[str, str]]:
    for name, field in part.model_fields.items():
        if name not in base.model_fields:
            yield from ((inner.kind, name) for inner in tables(field.annotation) if issubclass(inner, Component))
