"""Registry: (kind, type) -> declaration. Loud on a clash, helpful on a miss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

from aezoo.errors import PluginError
from aezoo.hints import did_you_mean
from aezoo.registry.entry_points import titled
from aezoo.registry.lazy import LazyModule
from aezoo.registry.validation import admit
from aezoo.spec.component import Component
from aezoo.spec.foreign import foreign
from aezoo.spec.kinds import KINDS

Fragment = Mapping[str, Any]
Key = tuple[str, str]


class Unloaded(NamedTuple):
    """A module of parts that is not imported yet, and the namespace of its parts."""

    module: LazyModule
    namespace: str


Part = type[Component] | Unloaded
Entry = tuple[Key, Part]


class Registry:
    """The parts that a spec may name.

    Args:
        load: Called with a namespace that is not there yet; registers its parts or says why it cannot.
    """

    def __init__(self, load: Callable[[Registry, str], None] | None = None) -> None:
        self._parts: dict[Key, Part] = {}
        #: Modules that name kinds alone, in the order in which they are imported; a dict for its atomic `pop`.
        self._by_kind: dict[Unloaded, None] = {}
        self._variants: dict[str, Fragment] = {}
        self._load = load
        self.loaded: set[str] = set()

    def add(
        self,
        parts: Iterable[type[Component] | LazyModule],
        *,
        variants: Mapping[str, Fragment] | None = None,
        namespace: str = "",
    ) -> None:
        """Register parts, modules of parts and variants: all or none.

        Raises:
            PluginError: One is no part, a name is taken, or a field has a name that specs reserve.
        """
        parts = [*parts]
        staged = _staged((entry for item in parts for entry in _entries(item, namespace)), self._parts)
        fragments = dict(self._fragments(variants or {}, namespace))
        self._commit(staged, namespace)
        modules = [item for item in parts if isinstance(item, LazyModule) and item.kinds]
        self._by_kind.update(dict.fromkeys(Unloaded(module, namespace) for module in modules))
        self._variants.update(fragments)

    def get(self, kind: str, name: str) -> type[Any]:
        """The declaration called `name`. Raises a pydantic error that says what there is instead."""
        self._ensure(name)
        namespace = name.rpartition(":")[0]
        modules = (item for item in self._unloaded(kind) if item.namespace == namespace)
        while (kind, name) not in self._parts:
            if (item := next(modules, None)) is None:
                raise self._unknown(kind, name, self.names(kind))
            self._import(item)
        return self._part((kind, name))

    def variant(self, name: str) -> Fragment:
        """The fragment called `name`."""
        self._ensure(name)
        if name not in self._variants:
            raise self._unknown("variant", name, self.variants())
        return self._variants[name]

    def names(self, kind: str) -> list[str]:
        """What a spec may write as `type` for this kind, of all plugins that are loaded and can be imported."""
        for item in self._unloaded(kind):
            with suppress(PluginError):  # `get` and `parts` raise it, for whoever asks for one of its parts
                self._import(item)
        return sorted(name for key, name in [*self._parts] if key == kind)  # a copy: another thread may import

    def variants(self) -> list[str]:
        """Names of the variants."""
        return sorted(self._variants)

    def parts(self) -> Iterator[type[Component]]:
        """Every part, by kind and name; imports every module."""
        for item in [*self._by_kind]:
            self._import(item)
        yield from (self._part(key) for key in sorted(self._parts))

    def _part(self, key: Key) -> type[Component]:
        part = self._parts[key]
        if isinstance(part, Unloaded):
            self._import(part)
            part = self._parts[key]
        assert not isinstance(part, Unloaded)
        return part

    def _unloaded(self, kind: str) -> list[Unloaded]:
        return [item for item in [*self._by_kind] if kind in item.module.kinds]

    def _import(self, item: Unloaded) -> None:
        """Register what a module defines, all or none; it must be what the module was registered with."""
        module, namespace = item
        defined = [_entry(part, namespace) for part in module.components()]
        staged = _staged(defined, {key: part for key, part in [*self._parts.items()] if part != item})
        if message := _difference(module, {(kind, name.rpartition(":")[2]) for kind, name in staged}):
            raise PluginError(f"{module.module} does not define what was announced: {message}")
        self._commit(staged, namespace)
        self._by_kind.pop(item, None)

    def _fragments(self, variants: Mapping[str, Fragment], namespace: str) -> Iterator[tuple[str, Fragment]]:
        for name, fragment in variants.items():
            full = _full(namespace, name)
            if full in self._variants:
                raise PluginError(f"two variants are called {full!r}")
            _admit(full, fragment)
            yield full, fragment

    def _commit(self, staged: Mapping[Key, Part], namespace: str) -> None:
        for part in staged.values():
            if not isinstance(part, Unloaded):
                part.namespace = namespace
                part._provider = titled(namespace) if namespace else ""
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


def _entries(item: type[Component] | LazyModule, namespace: str) -> Iterator[Entry]:
    if not isinstance(item, LazyModule):
        yield _entry(item, namespace)
        return
    for kind in sorted({*item.kinds, *(kind for kind, _ in item.announced)} - KINDS.keys()):
        raise PluginError(f"{item.module} announces a part of kind {kind!r}; the kinds are {', '.join(KINDS)}")
    for kind, name in sorted(item.announced):
        yield (kind, _full(namespace, name)), Unloaded(item, namespace)


def _entry(part: type[Component], namespace: str) -> Entry:
    name = admit(part, namespace)
    return (part.kind, _full(namespace, name)), part


def _staged(entries: Iterable[Entry], there: Mapping[Key, Part]) -> dict[Key, Part]:
    """The entries by key, unless two claim one key."""
    staged: dict[Key, Part] = {}
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


def _home(part: Part) -> str:
    return part.module.module if isinstance(part, Unloaded) else part.__module__


def _difference(module: LazyModule, defined: set[Key]) -> str:
    """How the parts that a module defines differ from those it was registered with; empty if they do not."""
    missing = [f"no {kind}" for kind in sorted(module.kinds - {kind for kind, _ in defined})]
    missing += [f"no {kind} {name!r}" for kind, name in sorted(module.announced - defined)]
    extra = sorted(key for key in defined - module.announced if key[0] not in module.kinds)
    return ", ".join([*missing, *(f"{kind} {name!r} unannounced" for kind, name in extra)])
