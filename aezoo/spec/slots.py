"""Slots: what may stand where in a spec, derived from the declarations' own fields."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from aezoo.errors import KeyPath
from aezoo.spec.component import Component, Frozen

#: Tables of components whose type is the key they stand under, unless they say another.
NAMED = frozenset({"regularizers", "constraints"})
#: All tables whose keys are names that an author gives.
TABLES = NAMED | {"fields"}


class Parts(Protocol):
    """Where declarations are looked up."""

    def get(self, kind: str, name: str) -> type[Any]: ...


def table_at(root: type[Frozen], path: KeyPath, document: Any, parts: Parts) -> type[Frozen] | None:
    """The declaration of the table at `path`; None where no table stands, or one of an unknown part."""
    annotation: Any = root
    for depth, step in enumerate(path):
        annotation = next(tables(annotation), None)
        if annotation is None:
            return None
        if isinstance(step, int) or _is_named(path, depth):
            document = child(document, step)
            continue  # an entry is what its list or its table of names holds
        table = _chosen(annotation, document, path[:depth], parts)
        field = fields(table).get(step) if table else None
        annotation = field.annotation if field else None
        document = child(document, step)
    annotation = next(tables(annotation), None)
    return _chosen(annotation, document, path, parts) if annotation else None


def _is_named(path: KeyPath, depth: int) -> bool:
    """Whether a step is the name of a penalty, a constraint or a field."""
    return depth == 1 and path[0] in TABLES


def fields(table: type[Frozen]) -> dict[str, FieldInfo]:
    """The fields of a declaration by the keys that a spec writes."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def tables(annotation: Any) -> Iterator[type[Frozen]]:
    """The declarations that an annotation holds: `tuple[LayerSpec, ...]` holds layers."""
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from tables(get_args(annotation)[0])
    elif get_origin(annotation) in (tuple, list, dict, Union, UnionType):
        for inner in get_args(annotation):
            yield from tables(inner)


def _chosen(annotation: type[Frozen], document: Any, path: KeyPath, parts: Parts) -> type[Frozen] | None:
    """The part that a slot's table names; any other table is of its own class."""
    if not (issubclass(annotation, Component) and annotation.is_slot()):
        return annotation
    implied = path[-1] if path and _is_named(path, len(path) - 1) else None
    name = document.get("type", implied) if isinstance(document, dict) else document
    if not isinstance(name, str):
        return None
    try:
        part: type[Frozen] = parts.get(annotation.kind, name)
    except Exception:  # an unknown part is reported where it is named
        return None
    return part


def slots_in(annotation: Any) -> frozenset[str]:
    """The kinds of part that may stand in a field so annotated."""
    if isinstance(annotation, type) and issubclass(annotation, Component):
        return frozenset({annotation.kind})
    return frozenset().union(*(slots_in(arg) for arg in get_args(annotation)))


def child(document: Any, step: str | int) -> Any:
    """What a document holds at one step of a path; None where there is nothing."""
    if isinstance(document, dict):
        return document.get(step)
    if isinstance(document, list):
        if isinstance(step, str):
            return document  # a list that is short for a table
        return document[step] if isinstance(step, int) and step < len(document) else None
    return None
