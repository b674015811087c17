"""Definitions of a JSON Schema of specs, one for each part and a few for each kind.

For a kind, say layer:

    layer.conv      the table of one part, each key of it optional
    type.layer      the names of all parts, with what they are
    keys.layer      the keys of all parts, for a table that leaves its type to a base
    slot.layer      anything that may be written for a layer: a name, or a table
    whole.layer     what a layer wants beside that, where nothing stands below: its type and its required keys
    entry.layer     a layer in a list: it stands there whole
    list.layer      a list of layers, or a table that edits one
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from aezoo.schema.fields import TABLE, TEXT, UNTYPED, Schema, described, held, joined, ref, summary, wants
from aezoo.schema.list_edits import EACH, REPEATS, demanded, each, entry, listing, single
from aezoo.spec.component import Component, Frozen
from aezoo.spec.kinds import KINDS
from aezoo.spec.slots import fields


class Vocabulary:
    """The definitions of all parts, and of the tables that hold them.

    Args:
        parts: The declarations that are installed.
        root: The declaration of the whole document.
    """

    def __init__(self, parts: Iterable[type[Component]], root: type[Frozen]) -> None:
        self.parts: dict[str, dict[str, type[Component]]] = {kind: {} for kind in KINDS}
        for part in parts:
            self.parts[part.kind][part.tag()] = part
        self.definitions: dict[str, Schema] = {}
        self._tables: dict[type[Frozen], str] = {}
        self._listed: set[str] = set()
        self._look(root, set())
        for kind in KINDS:
            self._kind(kind)

    # --- names, for forms -----------------------------------------------------------------------------------

    def slot(self, kind: str, *, listed: bool = False) -> Schema:
        """A part of the kind; `listed`, as an entry of a list."""
        if listed:
            return ref(f"entry.{kind}")
        return single(kind) if kind in self._listed else ref(f"slot.{kind}")

    def slots(self, kind: str) -> Schema:
        """A list of parts of the kind, or a table that edits one."""
        return ref(f"list.{kind}")

    def table(self, table: type[Frozen]) -> Schema:
        """A table with keys of its own, or one part, where a field takes no other."""
        if issubclass(table, Component):
            return ref(f"{table.kind}.{table.tag()}") if table.tag() in self.parts[table.kind] else {}
        return ref(self._named(table))

    def wanted(self, table: type[Frozen]) -> Schema:
        """What a table, or a part of a kind, wants where nothing stands below it."""
        if issubclass(table, Component) and table.is_slot():
            return ref(f"whole.{table.kind}")
        held_as = f"{table.kind}.{table.tag()}" if issubclass(table, Component) else self._named(table)
        name = f"whole.{held_as}"
        if name not in self.definitions:
            self.definitions[name] = {}  # it may hold itself
            self.definitions[name] = self.needs(table)
        return ref(name)

    def needs(self, table: type[Frozen]) -> Schema:
        """The keys that a table requires, and what each of its keys wants; empty if nothing."""
        told = {key: wants(field.annotation, self) for key, field in fields(table).items()}
        required = _required(table)
        properties = {key: wanted for key, wanted in told.items() if wanted}
        return {
            **({"required": required} if required else {}),
            **({"properties": properties} if properties else {}),
        }

    # --- definitions ----------------------------------------------------------------------------------------

    def _look(self, table: type[Frozen], seen: set[type[Frozen]]) -> None:
        """Note which kinds stand in lists, here and in all that may stand here."""
        if table in seen:
            return
        seen.add(table)
        for field in table.model_fields.values():
            for inner, listed in held(field.annotation):
                kind = inner.kind if issubclass(inner, Component) and inner.is_slot() else ""
                if kind and listed:
                    self._listed.add(kind)
                for found in self.parts[kind].values() if kind else (inner,):
                    self._look(found, seen)

    def _kind(self, kind: str) -> None:
        parts = self.parts[kind]
        self.definitions[f"type.{kind}"] = _types(kind, parts)
        for tag, part in parts.items():
            self.definitions[f"{kind}.{tag}"] = self._part(part, listed=kind in self._listed)
        self.definitions[f"keys.{kind}"] = self._keys(kind)
        self.definitions[f"slot.{kind}"] = self._slot(kind)
        self.definitions[f"whole.{kind}"] = self._whole(kind)
        if kind in self._listed:
            self.definitions[f"entry.{kind}"] = entry(kind)
            self.definitions[f"list.{kind}"] = listing(kind)

    def _named(self, table: type[Frozen]) -> str:
        """What the definition of a table is called; it is made when it is first asked for."""
        if table not in self._tables:
            name = f"table.{table.__name__.removesuffix('Spec').lower()}"
            while name in self._tables.values():
                name += "_"
            self._tables[table] = name
            self.definitions[name] = {"description": summary(table), **self._table(fields(table))}
        return self._tables[table]

    def _table(self, keys: Mapping[str, FieldInfo]) -> Schema:
        properties = {key: described(field, self) for key, field in keys.items()}
        return {**TABLE, "properties": properties, "additionalProperties": False}

    def _part(self, part: type[Component], *, listed: bool) -> Schema:
        keys = {key: field for key, field in fields(part).items() if key != "type"}
        table = self._table(keys)
        properties = {"type": ref(f"type.{part.kind}"), **table["properties"]}
        if listed:
            properties[EACH] = each(f"{part.kind}.{part.tag()}", keys)
        told = {"description": summary(part), "x-provider": part.namespace or "aezoo"}
        return {**told, **table, "properties": properties}

    def _keys(self, kind: str) -> Schema:
        """The keys of all parts of a kind, for a table without a type: which part is meant, only the base tells."""
        forms: dict[str, list[Schema]] = {"type": [ref(f"type.{kind}")]}
        for tag in self.parts[kind]:
            for key, schema in self.definitions[f"{kind}.{tag}"]["properties"].items():
                forms.setdefault(key, []).append(schema)
        properties = {key: joined(told) for key, told in forms.items()}
        if EACH in properties:  # with `each = { type = [...] }` its keys are those of several parts
            properties[EACH] = {"description": REPEATS, **TABLE}
        # `type` is among them for editors alone.
        return {**UNTYPED, "properties": properties, "additionalProperties": False}

    def _slot(self, kind: str) -> Schema:
        number = not isinstance(KINDS[kind].expand(0.0), float)
        names, keys = ref(f"type.{kind}"), ref(f"keys.{kind}")
        told = {"description": summary(KINDS[kind])}
        return {
            **told,
            "type": ["string", "object", *(["number"] if number else [])],
            "properties": {"type": names},
            "allOf": [_if(TEXT, names), _if(UNTYPED, keys), *self._by_type(kind, self._own)],
            # Its first clause lets everything pass: the others are for editors that do not follow `if`.
            "anyOf": [told, names, keys],
        }

    def _whole(self, kind: str) -> Schema:
        wanting = [tag for tag, part in self.parts[kind].items() if _required(part)]
        table = {**TABLE, **demanded(["type"], listed=kind in self._listed)}
        clauses = [_if(TABLE, table), *self._by_type(kind, self._needs_of)]
        return {"allOf": [*([_if(TEXT, {"not": {"enum": wanting}})] if wanting else []), *clauses]}

    def _own(self, part: type[Component]) -> Schema:
        return ref(f"{part.kind}.{part.tag()}")

    def _needs_of(self, part: type[Component]) -> Schema:
        needs = self.needs(part)
        required = needs.pop("required", [])
        return {**demanded(required, listed=part.kind in self._listed), **needs}

    def _by_type(self, kind: str, told: Any) -> Iterable[Schema]:
        for tag, part in self.parts[kind].items():
            if then := told(part):
                yield _if({**TABLE, "properties": {"type": {"const": tag}}, "required": ["type"]}, then)


def _if(test: Schema, then: Schema) -> Schema:
    return {"if": test, "then": then}


def _required(table: type[Frozen]) -> list[str]:
    return [key for key, field in fields(table).items() if field.is_required() and key != "type"]


def _types(kind: str, parts: Mapping[str, type[Component]]) -> Schema:
    """The names of a kind's parts. Two families of editors show what each is, each from a keyword of its own."""
    if not parts:
        return {"description": f"no {kind} is installed", "not": {}}
    told = [summary(part) for part in parts.values()]
    return {
        "description": f"which {kind}",
        "enum": [*parts],
        "enumDescriptions": told,
        "x-taplo": {"docs": {"enumValues": told}},
    }
