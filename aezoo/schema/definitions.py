"""Definitions of a JSON Schema of specs, one for each part and a few for each kind.

For a kind, say layer:

    layer.conv      the table of one part, each key of it optional
    type.layer      the names of all parts, with what they are
    keys.layer      the keys of all parts, for a table that leaves its type to a base
    slot.layer      anything that may be written for a layer: a name, or a table
    whole.layer     what a layer wants beside that, where nothing stands below: its type and its required keys
    entry.layer     a layer in a list: it stands there whole
    list.layer      a list of layers, or a table that edits one

A field's *form* is what may be written there if something stands below it, in a base or a variant: any part of a
table, and a table over a list, which edits the list. What it *wants* comes on top where nothing stands below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from aezoo.reading.compose import DEFAULTS
from aezoo.reading.merge import LISTS
from aezoo.schema.fields import (
    LIST,
    TABLE,
    TEXT,
    UNTYPED,
    Schema,
    annotation_keywords,
    cases,
    declarations,
    declared,
    joined,
    leaf,
    lengths,
    ref,
    slot_kind,
    stripped,
    summary,
)
from aezoo.schema.list_edits import EACH, EDIT, REPEATS, demanded, each, entry, listing, once
from aezoo.spec.component import Component, Frozen
from aezoo.spec.kinds import KINDS
from aezoo.spec.slots import NAMED, fields, slots_in


class Definitions:
    """The definitions of all parts, and of the tables that hold them.

    Args:
        parts: The declarations that are installed.
        root: The declaration of the whole document.
    """

    def __init__(self, parts: Iterable[type[Component]], root: type[Frozen]) -> None:
        self.parts: dict[str, dict[str, type[Component]]] = {kind: {} for kind in KINDS}
        for part in parts:
            self.parts[part.kind][part.tag()] = part
        self.schemas: dict[str, Schema] = {}
        self._tables: dict[type[Frozen], str] = {}
        self._listed = _listed_kinds([root, *(part for named in self.parts.values() for part in named.values())])
        for kind in KINDS:
            self._define(kind)

    # --- forms ----------------------------------------------------------------------------------------------

    def described(self, field: FieldInfo) -> Schema:
        """The form of a field with its description and its default."""
        return {**annotation_keywords(field), **self.form_of(field)}

    def form_of(self, field: FieldInfo, *, editable: bool = True) -> Schema:
        """The form of a field; what its declaration says to JSON Schema itself comes on top."""
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        return {**self._form(field.annotation, field.metadata, editable=editable), **extra}

    def table(self, table: type[Frozen]) -> Schema:
        """A table with keys of its own, or one part, where a field takes no other."""
        if not issubclass(table, Component):
            return ref(self._named(table))
        return ref(f"{table.kind}.{table.tag()}") if table.tag() in self.parts[table.kind] else {}

    def _form(self, annotation: Any, bounds: Sequence[Any] = (), *, editable: bool = True) -> Schema:
        """What a type takes, within the bounds that stand beside it; `editable`, if a table may stand for a list."""
        annotation, bounds = stripped(annotation, bounds)
        origin, inner = get_origin(annotation), get_args(annotation)
        if origin in (Union, UnionType):
            return {"anyOf": [self._form(arm, bounds, editable=editable) for arm in inner]}
        if origin in (tuple, list) and inner:
            return self._list(annotation, bounds, editable=editable)
        if origin is dict:
            return {**TABLE, "additionalProperties": self._form(inner[1])}
        if kind := slot_kind(annotation):
            return once(ref(f"slot.{kind}")) if kind in self._listed else ref(f"slot.{kind}")
        table = declared(annotation)
        return self.table(table) if table else leaf(annotation, bounds)

    def _list(self, annotation: Any, bounds: Sequence[Any], *, editable: bool) -> Schema:
        """A list: of parts, of anything else, or of something else at each place."""
        inner = get_args(annotation)
        length = lengths(bounds)
        if inner[-1] is not Ellipsis and get_origin(annotation) is tuple:
            length = {"minItems": len(inner), "maxItems": len(inner)}
        entries = [arm for arm in inner if arm is not Ellipsis]
        if kind := slot_kind(stripped(entries[0])[0]):
            return {**(ref(f"list.{kind}") if editable else {**LIST, "items": ref(f"entry.{kind}")}), **length}
        forms = [self._entry(arm) for arm in entries]
        items = forms[0] if all(form == forms[0] for form in forms) else forms
        return {"type": ["array", "object"] if editable else "array", "items": items, **length}

    def _entry(self, annotation: Any) -> Schema:
        """An entry of a list is whole, whatever stands below the list."""
        form, wanted = self._form(annotation, editable=False), self.wants(annotation)
        return {**form, "allOf": [wanted]} if wanted and any(declarations(annotation)) else form

    # --- what is wanted where nothing stands below ------------------------------------------------------------

    def wants(self, annotation: Any) -> Schema:
        """What a type wants beside its form; empty if nothing."""
        annotation, _ = stripped(annotation)
        origin, inner = get_origin(annotation), get_args(annotation)
        if origin in (tuple, list):
            return LIST
        if origin in (Union, UnionType) and not any(declarations(annotation)):
            return {"not": TABLE} if any(get_origin(stripped(arm)[0]) is tuple for arm in inner) else {}
        if origin is dict:
            wanted = self.wants(inner[1])
            return {"additionalProperties": wanted} if wanted else {}
        table = declared(annotation)
        return self._wanted(table) if table else {}

    def needs(self, table: type[Frozen], path: tuple[str, ...] | None = None) -> Schema:
        """The keys that a table requires, and what each of its keys wants; empty if nothing.

        Args:
            table: The declaration.
            path: Where in a spec it stands, for keys that have a default there; None within a part.
        """
        wants = {key: self._wants_at(key, field, path) for key, field in fields(table).items()}
        properties = {key: wanted for key, wanted in wants.items() if wanted}
        required = _required(table)
        return {
            **({"required": required} if required else {}),
            **({"properties": properties} if properties or path is not None else {}),
        }

    def _wants_at(self, key: str, field: FieldInfo, path: tuple[str, ...] | None) -> Schema:
        if path is None:
            return self.wants(field.annotation)
        if (*path, key) in DEFAULTS:
            return self._default(kind_of(field), DEFAULTS[(*path, key)])
        table = declared(field.annotation)
        if table and not issubclass(table, Component):
            needs = self.needs(table, (*path, key))
            return cases((TABLE, {**needs, "not": EDIT})) if key in LISTS else needs
        named = {tag: self._default(kind_of(field), tag) for tag in self.parts[kind_of(field)]} if key in NAMED else {}
        return {**self.wants(field.annotation), **({"properties": named} if key in NAMED else {})}

    def _default(self, kind: str, tag: str) -> Schema:
        """A part of the kind; one that says no type is the one called `tag`."""
        if tag not in self.parts[kind]:
            return ref(f"whole.{kind}")
        own = {"allOf": [ref(f"{kind}.{tag}"), self.needs(self.parts[kind][tag])]}
        return cases((UNTYPED, own), otherwise=ref(f"whole.{kind}"))

    def _wanted(self, table: type[Frozen]) -> Schema:
        """What a table, or a part of a kind, wants."""
        if kind := slot_kind(table):
            return ref(f"whole.{kind}")
        name = f"whole.{f'{table.kind}.{table.tag()}' if issubclass(table, Component) else self._named(table)}"
        if name not in self.schemas:
            self.schemas[name] = {}  # it may hold itself
            self.schemas[name] = self.needs(table)
        return ref(name)

    # --- definitions ----------------------------------------------------------------------------------------

    def _define(self, kind: str) -> None:
        parts = self.parts[kind]
        self.schemas[f"type.{kind}"] = _types(kind, parts)
        self.schemas |= {f"{kind}.{tag}": self._part(part) for tag, part in parts.items()}
        self.schemas[f"keys.{kind}"] = self._keys(kind)
        self.schemas[f"slot.{kind}"] = self._slot(kind)
        self.schemas[f"whole.{kind}"] = self._whole(kind)
        if kind in self._listed:
            self.schemas |= {f"entry.{kind}": entry(kind), f"list.{kind}": listing(kind)}

    def _named(self, table: type[Frozen]) -> str:
        """What the definition of a table is called; it is made when it is first asked for."""
        if table not in self._tables:
            name = f"table.{table.__name__.removesuffix('Spec').lower()}"
            while name in self._tables.values():
                name += "_"
            self._tables[table] = name
            self.schemas[name] = {"description": summary(table), **self._table(fields(table))}
        return self._tables[table]

    def _table(self, keys: Mapping[str, FieldInfo]) -> Schema:
        properties = {key: self.described(field) for key, field in keys.items()}
        return {**TABLE, "properties": properties, "additionalProperties": False}

    def _part(self, part: type[Component]) -> Schema:
        keys = {key: field for key, field in fields(part).items() if key != "type"}
        table = self._table(keys)
        properties = {"type": ref(f"type.{part.kind}"), **table["properties"]}
        if part.kind in self._listed:
            properties[EACH] = each(f"{part.kind}.{part.tag()}", keys)
        about = {"description": summary(part), "x-provider": part.namespace or "aezoo"}
        return {**about, **table, "properties": properties}

    def _keys(self, kind: str) -> Schema:
        """The keys of all parts of a kind, for a table without a type: which part is meant, only the base says."""
        forms: dict[str, list[Schema]] = {"type": [ref(f"type.{kind}")]}  # for editors alone
        for tag in self.parts[kind]:
            for key, form in self.schemas[f"{kind}.{tag}"]["properties"].items():
                forms.setdefault(key, []).append(form)
        properties = {key: joined(schemas) for key, schemas in forms.items()}
        if EACH in properties:  # with `each = { type = [...] }` its keys are those of several parts
            properties[EACH] = {"description": REPEATS, **TABLE}
        return {**UNTYPED, "properties": properties, "additionalProperties": False}

    def _slot(self, kind: str) -> Schema:
        number = [] if isinstance(KINDS[kind].expand(0.0), float) else ["number"]
        names, keys, about = ref(f"type.{kind}"), ref(f"keys.{kind}"), {"description": summary(KINDS[kind])}
        own = [_typed(tag, ref(f"{kind}.{tag}")) for tag in self.parts[kind]]
        return {
            **about,
            "type": ["string", "object", *number],
            "properties": {"type": names},
            "allOf": [cases((TEXT, names)), cases((UNTYPED, keys)), *own],
            # Its first clause lets everything pass: the others are for editors that do not follow `if`.
            "anyOf": [about, names, keys],
        }

    def _whole(self, kind: str) -> Schema:
        listed, parts = kind in self._listed, self.parts[kind]
        incomplete = [tag for tag, part in parts.items() if _required(part)]
        clauses = [cases((TEXT, {"not": {"enum": incomplete}}))] if incomplete else []
        clauses.append(cases((TABLE, {**TABLE, **demanded(["type"], listed=listed)})))
        for tag, part in parts.items():
            needs = self.needs(part)
            needs = {**demanded(needs.pop("required", []), listed=listed), **needs}
            clauses += [_typed(tag, needs)] if needs else []
        return {"allOf": clauses}


def kind_of(field: FieldInfo) -> str:
    """The kind of the parts that a field holds."""
    (kind,) = slots_in(field.annotation)
    return kind


def _listed_kinds(tables: list[type[Frozen]]) -> set[str]:
    """The kinds whose parts stand in lists, in these tables and in those within them."""
    listed, seen = set[str](), set[type[Frozen]]()
    while tables:
        table = tables.pop()
        inner = [pair for field in table.model_fields.values() for pair in declarations(field.annotation)]
        listed |= {slot_kind(declaration) for declaration, in_list in inner if in_list}
        seen.add(table)
        tables += [declaration for declaration, _ in inner if declaration not in seen]
    return listed - {""}


def _typed(tag: str, then: Schema) -> Schema:
    """What holds of a table whose type is `tag`."""
    return cases(({**TABLE, "properties": {"type": {"const": tag}}, "required": ["type"]}, then))


def _required(table: type[Frozen]) -> list[str]:
    return [key for key, field in fields(table).items() if field.is_required() and key != "type"]


def _types(kind: str, parts: Mapping[str, type[Component]]) -> Schema:
    """The names of a kind's parts. Two families of editors show what each is, each from a keyword of its own."""
    if not parts:
        return {"description": f"no {kind} is installed", "not": {}}
    summaries = [summary(part) for part in parts.values()]
    return {
        "description": f"which {kind}",
        "enum": [*parts],
        "enumDescriptions": summaries,
        "x-taplo": {"docs": {"enumValues": summaries}},
    }
