"""A field's type in words: what a spec may write there."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

WORDS: dict[Any, str] = {int: "integer", float: "number", str: "text", bool: "true or false", dict: "table"}
SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def type_text(annotation: Any) -> str:
    """`Literal["flat", "spatial"]` as `flat | spatial`, `tuple[int, ...]` as `list of integer`."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(inner[0])
    if origin is Literal:
        return " | ".join(str(word) for word in inner)
    if origin in (Union, UnionType):
        return " | ".join(type_text(part) for part in inner if part is not NoneType)
    if origin in (tuple, list):
        return f"list of {type_text(inner[0])}" if inner else "list"
    if origin is dict:
        return f"table of {type_text(inner[1])}"
    name: str = getattr(annotation, "kind", "") or getattr(annotation, "__name__", str(annotation))
    return WORDS.get(annotation, name)


def limits(metadata: Sequence[Any]) -> list[str]:
    """`Ge(1)` as `>= 1`."""
    return [f"{sign} {getattr(item, word)}" for item in metadata for word, sign in SIGNS.items() if hasattr(item, word)]
