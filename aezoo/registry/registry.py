"""Registry: (kind, type) -> declaration. Loud on a clash, helpful on a miss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

from aezoo.errors import PluginError
from aezoo.hints import did_you_mean
from aezoo.registry.lazy import Room
from aezoo.registry.validation import admit
from aezoo.spec.component import Component
from aezoo.spec.foreign import foreign
from aezoo.spec.kinds import KINDS

Fragment = Mapping[str, Any]
Key = tuple[str, str]


class Promise(NamedTuple):
    """A part that is not imported yet: where it is, and whose."""

    room: Room
    namespace: str


Held = type[Component] | Promise
Entry = tuple[Key, Held]


class Registry:
    """The parts that a spec may name.

    Args:
        load: Called with a namespace that is not there yet; registers its parts or says why it cannot.
    """

    def __init__(self, load: Callable[[Registry, str], None] | None = None) -> None:
        self._parts: dict[Key, Held] = {}
        self._variants: dict[str, Fragment] = {}
        self._load = load
        self.loaded: set[str] = set()

    def add(
        self,
        parts: Iterable[type[Component] | Room],
        *,
        variants: Mapping[str, Fragment] | None = None,
        namespace: str = "",
    ) -> None:
        """Register parts, rooms of parts and variants: all or none.

        Raises:
            PluginError: One is no part, a name is taken, or a field has a name that specs reserve.
        """
        entries = (entry for item in parts for entry in _entries(item, namespace))
        staged = _staged(entries, self._parts)
        fragments = dict(self._fragments(variants or {}, namespace))
        self._commit(staged, namespace)
        self._variants.update(fragments)

    def get(self, kind: str, name: str) -> type[Any]:
        """The declaration called `name`. Raises a pydantic error that says what there is instead."""
        self._ensure(name)
        if (kind, name) not in self._parts:
            raise self._unknown(kind, name, self.names(kind))
        return self._part((kind, name))

    def variant(self, name: str) -> Fragment:
        """The fragment called `name`."""
        self._ensure(name)
        if name not in self._variants:
            raise self._unknown("variant", name, self.variants())
        return self._variants[name]

    def names(self, kind: str) -> list[str]:
        """What a spec may write as `type` for this kind, of all that is loaded."""
        return sorted(name for key, name in self._parts if key == kind)

    def variants(self) -> list[str]:
        """Names of the variants."""
        return sorted(self._variants)

    def parts(self) -> Iterator[type[Component]]:
        """Every part, by kind and name; imports every room."""
        yield from (self._part(key) for key in sorted(self._parts))

    def _part(self, key: Key) -> type[Component]:
        part = self._parts[key]
        if isinstance(part, Promise):
            self._open(part)
            part = self._parts[key]
        assert not isinstance(part, Promise)
        return part

    def _open(self, promise: Promise) -> None:
        """Put a room's parts where their promises stand, all or none."""
        room, namespace = promise
        staged = _staged((_entry(part, namespace) for part in room.components()), {})
        promised = {(kind, _full(namespace, name)) for kind, name in room.promised}
        if staged.keys() != promised:
            raise PluginError(f"{room.module} does not hold what was promised: {_difference(promised, set(staged))}")
        self._commit(staged, namespace)

    def _fragments(self, variants: Mapping[str, Fragment], namespace: str) -> Iterator[tuple[str, Fragment]]:
        for name, fragment in variants.items():
            full = _full(namespace, name)
            if full in self._variants:
                raise PluginError(f"two variants are called {full!r}")
            _admit(full, fragment)
            yield full, fragment

    def _commit(self, staged: Mapping[Key, Held], namespace: str) -> None:
        for part in staged.values():
            if not isinstance(part, Promise):
                part.namespace = namespace
        self._parts.update(staged)

    def _ensure(self, name: str) -> None:
        namespace, colon, _ = name.rpartition(":")
        if colon and self._load is not None:
            self._load(self, namespace)

    def _unknown(self, kind: str, name: str, known: list[str]) -> PydanticCustomError:
        hint = did_you_mean(name, known, f"there are: {', '.join(known)}")
        return PydanticCustomError(
            "unknown_part", "no {kind} is called {name}", {"kind": kind, "name": repr(name), "hint": hint}
        )


def _entries(item: type[Component] | Room, namespace: str) -> Iterator[Entry]:
    if not isinstance(item, Room):
        yield _entry(item, namespace)
        return
    for kind, name in sorted(item.promised):
        if kind not in KINDS:
            raise PluginError(f"{item.module} promises a part of kind {kind!r}; the kinds are {', '.join(KINDS)}")
        yield (kind, _full(namespace, name)), Promise(item, namespace)


def _entry(part: type[Component], namespace: str) -> Entry:
    name = admit(part, namespace)
    return (part.kind, _full(namespace, name)), part


def _staged(entries: Iterable[Entry], there: Mapping[Key, Held]) -> dict[Key, Held]:
    """The entries by key, unless two claim one key."""
    staged: dict[Key, Held] = {}
    for key, part in entries:
        taken = staged.get(key) or there.get(key)
        if taken is not None and taken is not part:
            raise PluginError(f"two parts claim {key[0]} {key[1]!r}: {_home(taken)}, {_home(part)}")
        staged[key] = part
    return staged


def _admit(name: str, fragment: Any) -> None:
    """Refuse a variant that is anything but data: what no file could say, no variant can."""
    if not isinstance(fragment, Mapping):
        raise PluginError(f"variant {name!r} is no table")
    for fault in foreign(dict(fragment)):
        raise PluginError(f"variant {name!r}: {fault.place}: {fault.message}", hint=fault.hint)


def _full(namespace: str, name: str) -> str:
    return f"{namespace}:{name}" if namespace else name


def _home(part: Held) -> str:
    return part.room.module if isinstance(part, Promise) else part.__module__


def _difference(promised: set[Key], held: set[Key]) -> str:
    said = [f"no {kind} {name!r}" for kind, name in sorted(promised - held)]
    return ", ".join([*said, *(f"{kind} {name!r} unannounced" for kind, name in sorted(held - promised))])
