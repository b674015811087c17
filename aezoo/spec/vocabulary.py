"""Vocabulary: the definitions of a JSON Schema of specs, one for each part and a few for each kind.

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

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from aezoo.spec.anatomy import fields
from aezoo.spec.component import Component, Frozen
from aezoo.spec.drafts import Schema
from aezoo.spec.forms import bare, cases, described, held, ref, summary, wants
from aezoo.spec.kinds import KINDS
from aezoo.spec.merge import ENDS, ID, POSITION

TABLE: Schema = {"type": "object"}
TEXT: Schema = {"type": "string"}
EACH = "each"
REPEATS = "repeats the entry, once for every place of its lists: each = { channels = [32, 64] }"
NAMES_ENTRY = "a name by which whoever extends the spec can edit or unset the entry"
INDEX = f"^{POSITION.pattern}$"
#: A table that does nothing but edit a list.
EDIT: Schema = {
    "type": "object",
    "minProperties": 1,
    "properties": {end: {} for end in ENDS},
    "patternProperties": {INDEX: {}},
    "additionalProperties": False,
}
#: A table whose keys are all positions: some of the entries that carry an id.
SOME: Schema = {**TABLE, "minProperties": 1, "patternProperties": {INDEX: {}}, "additionalProperties": False}


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
        alone = {"not": {"anyOf": [{"required": [EACH]}, {"required": ["id"]}]}}
        return {**bare(ref(f"slot.{kind}")), **alone} if kind in self._listed else ref(f"slot.{kind}")

    def slots(self, kind: str) -> Schema:
        """A list of parts of the kind, or a table that edits one."""
        return ref(f"list.{kind}")

    def table(self, table: type[Frozen]) -> Schema:
        """A table with keys of its own, or one part, where a field takes no other."""
        if issubclass(table, Component):
            return ref(f"{table.kind}.{table.tag()}") if table.tag() in self.parts[table.kind] else {}
        if table not in self._tables:
            name = f"table.{table.__name__.removesuffix('Spec').lower()}"
            while name in self._tables.values():
                name += "_"
            self._tables[table] = name
            self.definitions[name] = {"description": summary(table), **self._table(fields(table))}
        return ref(self._tables[table])

    def wanted(self, table: type[Frozen]) -> Schema:
        """What a table, or a part of a kind, wants where nothing stands below it."""
        if issubclass(table, Component) and table.is_slot():
            return ref(f"whole.{table.kind}")
        return self.needs(table)

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
                slot = issubclass(inner, Component) and inner.is_slot()
                if slot and listed:
                    self._listed.add(inner.kind)
                for found in self.parts[inner.kind].values() if slot else (inner,):
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
            entry = {"description": summary(KINDS[kind]), **bare(ref(f"slot.{kind}")), "allOf": [ref(f"whole.{kind}")]}
            self.definitions[f"entry.{kind}"] = entry
            self.definitions[f"list.{kind}"] = _listing(kind)

    def _table(self, keys: Mapping[str, FieldInfo]) -> Schema:
        properties = {key: described(field, self) for key, field in keys.items()}
        return {**TABLE, "properties": properties, "additionalProperties": False}

    def _part(self, part: type[Component], *, listed: bool) -> Schema:
        keys = {key: field for key, field in fields(part).items() if key != "type"}
        table = self._table(keys)
        properties = {"type": ref(f"type.{part.kind}"), **table["properties"]}
        if listed:
            properties |= {"id": _id(), EACH: _each(f"{part.kind}.{part.tag()}", keys)}
        told = {"description": summary(part), "x-provider": part.namespace or "aezoo"}
        return {**told, **table, "properties": properties}

    def _keys(self, kind: str) -> Schema:
        """The keys of all parts of a kind: which part is meant, only the base tells."""
        forms: dict[str, list[Schema]] = {}
        for tag in self.parts[kind]:
            for key, schema in self.definitions[f"{kind}.{tag}"]["properties"].items():
                if key != "type" and schema not in forms.setdefault(key, []):
                    forms[key].append(schema)
        properties = {key: told[0] if len(told) == 1 else {"anyOf": told} for key, told in forms.items()}
        if EACH in properties:  # with `each = { type = [...] }` its keys are those of several parts
            properties[EACH] = TABLE
        return {**TABLE, "properties": properties, "additionalProperties": False}

    def _slot(self, kind: str) -> Schema:
        number = not isinstance(KINDS[kind].expand(0.0), float)
        named = {"properties": {"type": ref(f"type.{kind}")}, "allOf": [*self._by_type(kind, self._own)]}
        table = cases(({"required": ["type"]}, named), otherwise=ref(f"keys.{kind}"))
        shown = [{}, ref(f"type.{kind}"), *(ref(f"{kind}.{tag}") for tag in self.parts[kind])]
        return {
            "description": summary(KINDS[kind]),
            "type": ["string", "object", *(["number"] if number else [])],
            **cases((TEXT, ref(f"type.{kind}")), (TABLE, table)),
            # It refuses nothing: editors that do not follow `if` complete from it.
            "anyOf": shown,
        }

    def _whole(self, kind: str) -> Schema:
        wanting = [tag for tag, part in self.parts[kind].items() if _required(part)]
        named = {"not": {"enum": wanting}} if wanting else {}
        listed = kind in self._listed
        clauses = [*self._by_type(kind, self._needs_of)]
        table = {**_demanded(["type"], listed=listed), **({"allOf": clauses} if clauses else {})}
        return cases((TEXT, named), (TABLE, table))

    def _own(self, part: type[Component]) -> Schema:
        return ref(f"{part.kind}.{part.tag()}")

    def _needs_of(self, part: type[Component]) -> Schema:
        needs = self.needs(part)
        required = needs.pop("required", [])
        return {**_demanded(required, listed=part.kind in self._listed), **needs}

    def _by_type(self, kind: str, told: Any) -> Iterable[Schema]:
        for tag, part in self.parts[kind].items():
            if then := told(part):
                yield {"if": {"properties": {"type": {"const": tag}}, "required": ["type"]}, "then": then}


def _required(table: type[Frozen]) -> list[str]:
    return [key for key, field in fields(table).items() if field.is_required() and key != "type"]


def _demanded(keys: Sequence[str], *, listed: bool) -> Schema:
    """These keys have to be there; in an entry of a list, `each` may hold some of them."""
    if not keys or not listed:
        return {"required": [*keys]} if keys else {}
    either = [{"anyOf": [{"required": [key]}, {"properties": {EACH: {"required": [key]}}}]} for key in keys]
    return cases(({"required": [EACH]}, {"allOf": either}), otherwise={"required": [*keys]})


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


def _id() -> Schema:
    return {"description": NAMES_ENTRY, "type": "string", "pattern": f"^{ID.pattern}$", "not": {"enum": [*ENDS]}}


def _each(name: str, keys: Mapping[str, FieldInfo]) -> Schema:
    rows = {key: {"type": "array", "minItems": 1, "items": ref(f"{name}/properties/{key}")} for key in ("type", *keys)}
    rows["id"] = {"type": "array", "minItems": 1, "items": _id()}
    return {
        "description": REPEATS,
        "type": "object",
        "minProperties": 1,
        "properties": rows,
        "additionalProperties": False,
    }


def _listing(kind: str) -> Schema:
    """A list of whole parts; or a table whose keys are positions and ids, and whose values change what is there."""
    entries = {"type": "array", "items": ref(f"entry.{kind}")}
    single = {**bare(ref(f"entry.{kind}")), "not": {"required": [EACH]}}
    change = {**bare(ref(f"slot.{kind}")), "not": {"required": [EACH]}}
    added = {"type": ["array", "object", "string"], "items": ref(f"entry.{kind}"), **cases((entries, {}), otherwise=single)}
    some = {**SOME, "patternProperties": {INDEX: change}}
    return {
        "type": ["array", "object"],
        "items": ref(f"entry.{kind}"),
        "properties": {end: {"description": f"entries to {end}", **added} for end in ENDS},
        "patternProperties": {INDEX: change},
        "additionalProperties": cases((SOME, some), otherwise=change),
        "anyOf": [{}, entries],
    }
