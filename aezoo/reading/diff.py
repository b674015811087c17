"""Difference: in what two specs differ, value by value, whatever they are spelled in.

Specs are compared as they are resolved: a default that is written out, a macro or another order of keys is no
difference. Entries of a list are paired first, so that a layer more is one addition and not a cascade of changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from aezoo.errors import KeyPath
from aezoo.reading.alignment import pairs
from aezoo.spec.component import Frozen
from aezoo.spec.document import DecoderSpec, Spec
from aezoo.spec.fingerprints import NAMES
from aezoo.spec.kinds import ConstantSpec


class KeyPaths(NamedTuple):
    """The key path of a value in the first spec, and that of its counterpart in the second."""

    first: KeyPath = ()
    second: KeyPath = ()

    def at(self, first: str | int | None, second: str | int | None) -> KeyPaths:
        """The paths one step down; where a list lacks an entry, the list."""
        return KeyPaths(_down(self.first, first), _down(self.second, second))


def _down(path: KeyPath, step: str | int | None) -> KeyPath:
    return path if step is None else (*path, step)


class Change(NamedTuple):
    """One difference: a value that is another, one that is new, or one that is gone.

    Attributes:
        kind: What became of it.
        paths: Where it stands in either spec; the two differ by the list entries that were added before it.
        before: The value in the first spec, as a spec would write it; None where there is none.
        after: The value in the second.
    """

    kind: Literal["changed", "added", "removed"]
    paths: KeyPaths
    before: Any
    after: Any

    @property
    def path(self) -> KeyPath:
        """Where it stands: in the second spec, unless it is gone from there."""
        return self.paths.first if self.kind == "removed" else self.paths.second

    @property
    def names_only(self) -> bool:
        """Whether it is one of name, description, licence and paper, which neither weights nor a run depend on."""
        return self.path[0] in NAMES


def differences(first: Spec, second: Spec) -> list[Change]:
    """Every difference between two specs, in the order of a spec's keys."""
    return list(_fields(first, second, KeyPaths()))


def _fields(first: Frozen, second: Frozen, paths: KeyPaths) -> Iterator[Change]:
    for name, field in type(first).model_fields.items():
        key = field.alias or name
        yield from _values(getattr(first, name), getattr(second, name), paths.at(key, key))
    before, after = first.model_extra or {}, second.model_extra or {}  # of a table that takes any keys
    for key in dict.fromkeys([*before, *after]):
        yield from _values(before.get(key), after.get(key), paths.at(key, key))


def _values(first: Any, second: Any, paths: KeyPaths) -> Iterator[Change]:
    if first == second:
        return
    if first is None or second is None:  # a key that one of them leaves out
        yield _change(first, second, paths)
    elif _twins(first, second):
        yield from _fields(first, second, paths)
    elif isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in dict.fromkeys([*first, *second]):
            yield from _values(first.get(key), second.get(key), paths.at(key, key))
    elif _tables(first) and _tables(second):
        yield from _entries(first, second, paths)
    else:
        yield _change(first, second, paths)


def _entries(first: Sequence[Frozen], second: Sequence[Frozen], paths: KeyPaths) -> Iterator[Change]:
    for i, j in pairs(first, second, _cost):
        before, after = (None if k is None else entries[k] for entries, k in ((first, i), (second, j)))
        yield from _values(before, after, paths.at(i, j))


def _cost(first: Frozen, second: Frozen) -> float:
    """What it costs to tell one entry as a change of the other, where to add or remove one costs 1."""
    if not _twins(first, second):
        return 1.9  # less than to remove one and add the other: it is shown as one replacement
    differing = [getattr(first, name) != getattr(second, name) for name in type(first).model_fields]
    return 0.5 + sum(differing) / len(differing) if any(differing) else 0.0


def _twins(first: Any, second: Any) -> bool:
    """Whether two tables are of one type, so that their keys can be compared."""
    if not isinstance(first, Frozen) or type(first) is not type(second):
        return False
    # A constant is written as its number, which has no keys.
    return getattr(first, "type", None) == getattr(second, "type", None) and not isinstance(first, ConstantSpec)


def _tables(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, Frozen) for item in value)


def _change(first: Any, second: Any, paths: KeyPaths) -> Change:
    kind: Literal["changed", "added", "removed"]
    kind = "added" if first is None else "removed" if second is None else "changed"
    return Change(kind, paths, written(first), written(second))


def written(value: Any) -> Any:
    """A value as a spec would write it: of a part, its type and what differs from the defaults."""
    if isinstance(value, DecoderSpec) and value.type == "layers":
        return [written(layer) for layer in value.layers]
    if isinstance(value, Frozen):
        fields = value.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        kind = getattr(value, "type", None)
        return {"type": kind, **fields} if kind and isinstance(fields, dict) else fields
    return [written(item) for item in value] if isinstance(value, tuple) else value
