"""Registry: (kind, type) -> declaration. Loud on a clash, helpful on a miss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic_core import PydanticCustomError

from aezoo.errors import PluginError
from aezoo.spec.component import Component
from aezoo.spec.kinds import KINDS

Fragment = Mapping[str, Any]


class Registry:
    """The parts that a spec may name.

    Args:
        load: Called with a namespace that is not there yet; registers its parts or says why it cannot.
    """

    def __init__(self, load: Callable[[Registry, str], None] | None = None) -> None:
        self._parts: dict[tuple[str, str], type[Component]] = {}
        self._variants: dict[str, Fragment] = {}
        self._load = load
        self.loaded: set[str] = set()

    def add(self, parts: Iterable[type[Component]], *, namespace: str = "") -> None:
        """Register parts, all or none. Raises `PluginError` if one is no part or its name is taken."""
        staged: dict[tuple[str, str], type[Component]] = {}
        for part in parts:
            if part.kind not in KINDS or part.is_slot():
                raise PluginError(
                    f"{part.__module__}.{part.__name__} is no part: derive it from a base in aezoo.plugin"
                )
            part.namespace = namespace
            key = part.kind, part.tag()
            taken = staged.get(key) or self._parts.get(key)
            if taken is not None and taken is not part:
                raise PluginError(f"two parts claim {part.kind} {part.tag()!r}: {taken.__module__}, {part.__module__}")
            staged[key] = part
        self._parts.update(staged)

    def add_variants(self, variants: Mapping[str, Fragment], *, namespace: str = "") -> None:
        """Register fragments of a spec by name."""
        for name, fragment in variants.items():
            self._variants[f"{namespace}:{name}" if namespace else name] = fragment

    def get(self, kind: str, name: str) -> type[Any]:
        """The declaration called `name`. Raises a pydantic error that says what there is instead."""
        self._ensure(name)
        part = self._parts.get((kind, name))
        if part is None:
            raise self._unknown(kind, name, self.names(kind))
        return part

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
        """Every part, by kind and name."""
        yield from (self._parts[key] for key in sorted(self._parts))

    def _ensure(self, name: str) -> None:
        namespace, colon, _ = name.rpartition(":")
        if colon and self._load is not None:
            self._load(self, namespace)

    def _unknown(self, kind: str, name: str, known: list[str]) -> PydanticCustomError:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
        return PydanticCustomError(
            "unknown_part", "no {kind} is called {name}", {"kind": kind, "name": repr(name), "hint": hint}
        )
