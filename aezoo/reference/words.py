"""What a field takes, in words: its type and its bounds, as a spec would have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from aezoo.spec.component import Component, Frozen

NOUNS: dict[Any, str] = {int: "integer", float: "number", str: "text", dict: "table"}
SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
#: From here on a power of two is written as one.
LARGE = 2**31


def plural(noun: str, *, many: bool = True) -> str:
    """`entries` of `entry`, if there are many."""
    if not many:
        return noun
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def _plain_slot(kind: str, many: bool) -> str:
    return plural(kind, many=many)


def _plain_table(model: type[Frozen], many: bool) -> str:
    return plural("table", many=many)


class Wording(NamedTuple):
    """How the words are set: for a terminal, unless it says otherwise."""

    #: The words of a choice: `flat | spatial`.
    choice: Callable[[Sequence[str]], str] = " | ".join
    #: A part of a kind, or several.
    slot: Callable[[str, bool], str] = _plain_slot
    #: A table with keys of its own, or several.
    table: Callable[[type[Frozen], bool], str] = _plain_table


PLAIN = Wording()


def takes(annotation: Any, metadata: Sequence[Any] = (), wording: Wording = PLAIN) -> str:
    """`int` with a `Ge(1)` as `integer >= 1`, `tuple[float, float]` as `list of 2 numbers`."""
    return " ".join(filter(None, [_type(annotation, wording), _bounds(metadata, annotation)]))


def _type(annotation: Any, wording: Wording, *, many: bool = False) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return " ".join(filter(None, [_type(inner[0], wording, many=many), _bounds(inner[1:], inner[0])]))
    if origin is Literal:
        return wording.choice([str(word) for word in inner])
    if origin in (Union, UnionType):
        return " or ".join(_type(part, wording, many=many) for part in inner if part is not NoneType)
    if origin in (tuple, list):
        return _list(inner, wording, many=many)
    if origin is dict and inner[1] is Any:
        return plural("table", many=many)
    if origin is dict:
        return f"{plural('table', many=many)} of {_type(inner[1], wording, many=True)}"
    return _single(annotation, wording, many=many)


def _single(annotation: Any, wording: Wording, *, many: bool) -> str:
    if annotation is bool:
        return "true or false"
    if isinstance(annotation, type) and issubclass(annotation, Component) and annotation.is_slot():
        return wording.slot(annotation.kind, many)
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return wording.table(annotation, many)
    noun = NOUNS.get(annotation) or str(getattr(annotation, "__name__", annotation))
    return plural(noun, many=many)


def _list(inner: Sequence[Any], wording: Wording, *, many: bool) -> str:
    if not inner:
        return plural("list", many=many)
    count = "" if inner[-1] is Ellipsis or len(inner) == 1 else f"{len(inner)} "
    return f"{plural('list', many=many)} of {count}{_type(inner[0], wording, many=True)}"


def _bounds(metadata: Iterable[Any], annotation: Any) -> str:
    """`in [0, 1)`, `>= 1`, `3 entries`: an interval where there are two ends."""
    bounds = {
        word: getattr(item, word)
        for item in _flat(metadata)
        for word in (*SIGNS, "min_length", "max_length", "multiple_of")
        if getattr(item, word, None) is not None
    }
    phrases = [_range(bounds)] if bounds.keys() & SIGNS.keys() else []
    if "multiple_of" in bounds:
        phrases.append(f"a multiple of {_number(bounds['multiple_of'])}")
    phrases += _length(bounds.get("min_length", 0), bounds.get("max_length"), annotation)
    return ", ".join(phrases)


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """The bounds themselves: a `Field` inside `Annotated` holds them one level down."""
    for item in metadata:
        yield from getattr(item, "metadata", None) or [item]


def _range(bounds: dict[str, Any]) -> str:
    low = next((word for word in ("ge", "gt") if word in bounds), None)
    high = next((word for word in ("le", "lt") if word in bounds), None)
    if low and high:
        left, right = "[" if low == "ge" else "(", "]" if high == "le" else ")"
        return f"in {left}{_number(bounds[low])}, {_number(bounds[high])}{right}"
    word = low or high or ""
    return f"{SIGNS[word]} {_number(bounds[word])}"


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"2^{value.bit_length() - 1}" if value >= LARGE and value & (value - 1) == 0 else str(value)
    return f"{value:g}"


def _length(least: int, most: int | None, annotation: Any) -> list[str]:
    what = "character" if str in (annotation, *get_args(annotation)) else "entry"
    if least == most:
        return [f"({least} {plural(what, many=least != 1)})"]
    if most is None:
        return [] if not least else ["(not empty)" if least == 1 else f"({least} {plural(what)} or more)"]
    return [f"({least} to {most} {plural(what)})"]
