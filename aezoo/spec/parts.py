"""Parts: every component that stands in a table, at any depth, and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from aezoo.errors import KeyPath
from aezoo.spec.component import Component

#: What holds no part, told by its type: asking pydantic whether a value is a model takes longer than all else here.
_PLAIN = frozenset({str, int, float, bool, type(None)})


def parts(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Component]]:
    """Every part in a spec, a part or a list of them, each before those inside it, in the order of their fields."""
    if isinstance(value, Component):
        yield path, value
    for step, item in _entries(value):
        if type(item) not in _PLAIN:
            yield from parts(item, (*path, step))


def _entries(value: Any) -> Iterator[tuple[str | int, Any]]:
    """What a value holds, by the keys that a spec writes."""
    if isinstance(value, (tuple, list)):
        yield from enumerate(value)
    elif isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, BaseModel):
        yield from ((field.alias or name, getattr(value, name)) for name, field in type(value).model_fields.items())
