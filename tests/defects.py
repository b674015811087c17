"""Defects: documents with something wrong in them, as people and machines get them wrong."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date
from typing import Any, NamedTuple

from hypothesis import strategies as st

from aezoo.spec.document import Spec
from aezoo.testing.generate.values import Draw, Table

#: Levels of tables or lists inside each other.
DEPTHS = st.sampled_from([1, 2, 31, 32, 33, 64, 65, 100])
#: Numbers that are out of some range, or hard to compute with.
WHOLE = (-1, 0, 1, 2, 7, 10**6, 2**31, 2**62, 2**63, 10**20, 10**400, -(10**400))
BROKEN = (-0.5, 0.0, 0.5, 1.0, 1.5, 1e-320, 1e18, 1e300, -1e300)
NUMBERS = st.sampled_from((*WHOLE, *BROKEN))
#: What no spec holds.
FOREIGN = st.sampled_from((None, float("nan"), float("inf"), -float("inf"), date(2020, 1, 1), b"bytes", {1, 2}, 1j, ()))
#: Texts that are hard to print, encode or look up.
ODD = (
    "",
    " ",
    ":",
    "a:b:c",
    "no_such:part",
    "../..",
    "\x00",
    "a\nb",
    "\x1b[31m",
    "\ud800",
    "\u202ea",
    "é",
    "𝕏" * 40,
    "a" * 5000,
)
#: Texts and keys that mean something in one place or another.
PLACES = ("mirror", "latent", "latent.0", "encoder", "encoder.0", "encoder.99", "decoder.-1", "input.clean", "output")
WORDS = (*PLACES, "last", "total", "reconstruction", "true", "1", "conv", "gaussian", "{0}", "%s")
MACROS = ("type", "each", "append", "prepend", "0", "-1", "unset", "extends", "variants", "$schema")
NAMES = (*MACROS, "layers", "weight", "on", "shape", "__class__", "model_config", "self", "a.b")
TEXTS = st.sampled_from((*WORDS, *ODD))
KEYS = st.sampled_from((*NAMES, *ODD))
#: Values of any kind that JSON has.
JSON = st.recursive(
    st.booleans() | NUMBERS | st.text(max_size=8) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


class Place(NamedTuple):
    """An entry of a table or a list."""

    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.holder[self.key]

    def put(self, value: Any) -> None:
        self.holder[self.key] = value


def places(value: Any) -> Iterator[Place]:
    """Every entry inside a value, outer ones first."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield Place(value, key)
    for key in keys:
        yield from places(value[key])


def mutated(strategy: st.SearchStrategy[Table]) -> st.SearchStrategy[Table]:
    """Documents with one to four defects each."""

    @st.composite
    def drawn(draw: Draw) -> Table:
        document: Table = deepcopy(draw(strategy))
        for _ in range(draw(st.integers(1, 4))):
            there = list(places(document))
            if there:
                draw(st.sampled_from(DEFECTS))(draw, document, draw(st.sampled_from(there)))
        return document

    return drawn()


def nonsense() -> st.SearchStrategy[Table]:
    """Tables of any JSON values, some under the keys of a spec."""
    keys = st.sampled_from(sorted(Spec.model_fields)) | KEYS | st.text(max_size=8)
    return st.dictionaries(keys, JSON, max_size=6)


# --- defects: each changes the document at the place it is given, or anywhere -----------------------------------------


def unknown_key(draw: Draw, document: Table, place: Place) -> None:
    """One key more in some table."""
    holders = [document, *(p.value for p in places(document) if isinstance(p.value, dict))]
    draw(st.sampled_from(holders))[draw(KEYS)] = draw(JSON)


def misspelt_key(draw: Draw, document: Table, place: Place) -> None:
    """A key with one letter less, more, or another."""
    if isinstance(place.key, str):
        value = place.holder.pop(place.key)
        place.holder[_misspelt(draw, place.key)] = value


def misspelt_word(draw: Draw, document: Table, place: Place) -> None:
    """A text with one letter less, more, or another: an unknown part, tap or choice."""
    words = [p for p in places(document) if isinstance(p.value, str)]
    if words:
        word = draw(st.sampled_from(words))
        word.put(_misspelt(draw, word.value))


def other_text(draw: Draw, document: Table, place: Place) -> None:
    """A text that means something elsewhere, or is hard to print."""
    words = [p for p in places(document) if isinstance(p.value, str)]
    draw(st.sampled_from(words or [place])).put(draw(TEXTS))


def other_number(draw: Draw, document: Table, place: Place) -> None:
    """A number out of range, or huge."""
    numbers = [p for p in places(document) if isinstance(p.value, (int, float))]
    draw(st.sampled_from(numbers or [place])).put(draw(NUMBERS))


def other_value(draw: Draw, document: Table, place: Place) -> None:
    """A value of any type."""
    place.put(draw(JSON))


def foreign_value(draw: Draw, document: Table, place: Place) -> None:
    """What JSON or TOML cannot say."""
    place.put(draw(FOREIGN))


def missing(draw: Draw, document: Table, place: Place) -> None:
    """A key or entry less."""
    del place.holder[place.key]


def wrapped(draw: Draw, document: Table, place: Place) -> None:
    """A list or table around a value, once or far too often."""
    value, key = place.value, draw(st.none() | KEYS)
    for _ in range(draw(DEPTHS)):
        value = [value] if key is None else {key: value}
    place.put(value)


def unwrapped(draw: Draw, document: Table, place: Place) -> None:
    """What a list or table holds first, instead of it."""
    inner = next(iter(places(place.value)), None)
    if inner is not None:
        place.put(inner.value)


def emptied(draw: Draw, document: Table, place: Place) -> None:
    """A list, table or text with nothing in it."""
    place.put(draw(st.sampled_from([[], {}, ""])))


def swapped(draw: Draw, document: Table, place: Place) -> None:
    """Two values in each other's place: of two slots, or of a slot and what it holds."""
    other = draw(st.sampled_from(list(places(document))))
    one, two = deepcopy(place.value), deepcopy(other.value)
    place.put(two)
    if any(other.holder is p.holder and other.key == p.key for p in places(document)):
        other.put(one)


def repeated(draw: Draw, document: Table, place: Place) -> None:
    """An entry many times over."""
    if isinstance(place.holder, list):
        place.holder.extend(deepcopy(place.value) for _ in range(draw(st.sampled_from([1, 2, 30, 600]))))


def edited(draw: Draw, document: Table, place: Place) -> None:
    """A table of positions instead of a list, as for the list of a base."""
    if isinstance(place.value, list):
        place.put({str(index): item for index, item in enumerate(place.value)})


DEFECTS: tuple[Callable[[Draw, Table, Place], None], ...] = (
    unknown_key,
    misspelt_key,
    misspelt_word,
    other_text,
    other_number,
    other_value,
    foreign_value,
    missing,
    wrapped,
    unwrapped,
    emptied,
    swapped,
    repeated,
    edited,
)


def _misspelt(draw: Draw, word: str) -> str:
    place: int = draw(st.integers(0, len(word)))
    letter: str = draw(st.sampled_from(["", *string.ascii_lowercase[:6], "_", word[place : place + 1] * 2]))
    return word[:place] + letter + word[place + 1 :]
