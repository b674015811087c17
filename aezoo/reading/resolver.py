"""Resolve: a path, a name or a mapping, and all it extends -> one tree of a spec, which remembers who said what."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

from aezoo.errors import Fault, NotFound, PluginError, SpecError
from aezoo.files import is_file
from aezoo.hints import did_you_mean
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.compose import Composer
from aezoo.reading.migration import migrate
from aezoo.reading.provenance import Node, Source, node_of
from aezoo.reading.text import MAX_BYTES, foreign, parse
from aezoo.registry.registry import Registry
from aezoo.spec.limits import Limits

#: How many bases stand on each other, and how many files one spec may be put together from.
MAX_DEPTH = 8
MAX_FILES = 64

Spelled = str | PathLike[str] | Mapping[str, Any]


class Resolved(NamedTuple):
    """A spec put together, before its values are checked."""

    tree: Node
    faults: list[Fault]
    #: Whether something that it builds on could not be had: then what is missing may stand there.
    partial: bool


class Document(NamedTuple):
    """One file of a spec: its tree, the folder its bases are seen from, and its own path."""

    tree: Node
    folder: Path | None = None
    path: Path | None = None


class Resolver:
    """Opens a spec and everything it extends, and puts them together.

    Args:
        registry: Where variants are looked up.
        limits: Of how far macros may unfold.
        trusted: Whether `extends` may leave the folder of the spec: not for one that came from elsewhere.
    """

    def __init__(self, registry: Registry, *, limits: Limits, trusted: bool = True) -> None:
        self.registry = registry
        self.trusted = trusted
        self.faults: list[Fault] = []
        self.composer = Composer(self.faults, limits)
        self.partial = False
        self._files = 0
        self._root: Path | None = None

    def resolve(self, source: Spelled, overrides: Sequence[str] = ()) -> Resolved:
        """The source as one tree. Raises `NotFound`, `SpecError` (the text cannot be parsed)."""
        document = self._open(source)
        self._root = document.folder.resolve() if document.folder else None
        above = (document.path.resolve(),) if document.path else ()
        tree = self.composer.finish(self._compose(document, above=above), overrides)
        return Resolved(tree, self.faults, self.partial)

    def _open(self, source: Spelled) -> Document:
        if isinstance(source, Mapping):
            # What no file can say would be lost when the spec is written down.
            if found := foreign(dict(source)):
                raise SpecError(found)
            return Document(self._current(dict(source), Source()))
        path = locate(source)
        return self._read(path)

    def _read(self, path: Path) -> Document:
        name = label(path)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        return Document(self._current(parse(data, name), Source(name, data)), path.parent, path)

    def _current(self, table: dict[str, Any], source: Source) -> Node:
        """The tree of a table, brought to the current format."""
        try:
            return node_of(migrate(table), source)
        except SpecError as error:
            raise SpecError([_placed(fault, source) for fault in error.faults]) from None

    def _compose(self, document: Document, *, above: tuple[Path, ...]) -> Node:
        bases = [self._compose(base, above=here) for base, here in self._bases(document, above)]
        return self.composer.compose(document.tree, bases, dict(self._variants(document.tree)))

    # --- bases --------------------------------------------------------------------------------------------

    def _bases(self, document: Document, above: tuple[Path, ...]) -> Iterator[tuple[Document, tuple[Path, ...]]]:
        for name in self._names(document.tree, "extends", "takes the path or name of a spec, or a list of them"):
            try:
                path = self._base(name, document, above)
                yield self._read(path), (*above, path.resolve())
            except SpecError as error:
                self._lack(error.faults)

    def _base(self, name: Node, document: Document, above: tuple[Path, ...]) -> Path:
        """Where a base is. Raises `SpecError` if it may not be used here."""
        try:
            path = locate(name.value, near=document.folder)
        except NotFound as error:
            raise self._refused("AZ305", name, error.message, error.hint) from None
        self._files += 1
        if path.resolve() in above:
            circle = " -> ".join(step.name for step in (*above, path))
            raise self._refused("AZ206", name, f"goes in a circle: {circle}")
        if len(above) > MAX_DEPTH or self._files > MAX_FILES:
            raise self._refused("AZ206", name, f"takes at most {MAX_DEPTH} bases on each other, {MAX_FILES} in all")
        if not self._allowed(path):
            hint = "copy the base beside the spec, or take what `aezoo render` prints"
            raise self._refused("AZ601", name, f"{name.value!r} leads out of the spec's folder", hint)
        return path

    def _allowed(self, path: Path) -> bool:
        if self.trusted or path in bundled_specs().values():
            return True
        return self._root is not None and path.resolve().is_relative_to(self._root)

    # --- variants -----------------------------------------------------------------------------------------

    def _variants(self, own: Node) -> Iterator[tuple[str, Node]]:
        for name in self._names(own, "variants", "takes a list of names"):
            try:
                yield name.value, node_of(self.registry.variant(name.value), Source(f"variant {name.value!r}"))
            except PydanticCustomError as error:
                hint = str((error.context or {}).get("hint", ""))
                self._lack(self._refused("AZ301", name, error.message(), hint).faults)
            except PluginError as error:
                self._lack(self._refused(error.code, name, error.message, error.hint).faults)

    def _names(self, own: Node, key: str, takes: str) -> list[Node]:
        said = own.value.get(key)
        if said is None:
            return []
        listed = [said] if key == "extends" and isinstance(said.value, str) else said.value
        names: list[Node] = listed if isinstance(listed, list) else []
        if listed is not names or not all(isinstance(name.value, str) for name in names):
            self._lack(self._refused("AZ206", said, takes).faults)
            return []
        return names

    def _refused(self, code: str, node: Node, message: str, hint: str = "") -> SpecError:
        source, path = node.origin
        return SpecError([Fault(path, code, message, hint, where=source.where(path) if source.name else None)])

    def _lack(self, faults: Sequence[Fault]) -> None:
        self.faults.extend(faults)
        self.partial = True


def _placed(fault: Fault, source: Source) -> Fault:
    return fault._replace(where=source.where(fault.path)) if source.name else fault


def locate(source: str | PathLike[str], *, near: Path | None = None) -> Path:
    """Where the spec is: a file, beside `near` first, or the bundled spec of that name. Raises `NotFound`."""
    path = (near or Path()) / source
    if is_file(path):
        return path
    bundled = bundled_specs()
    if str(source) in bundled:
        return bundled[str(source)]
    hint = did_you_mean(str(source), bundled, "`aezoo list` names the bundled specs")
    what = "is a folder, not a spec" if os.path.isdir(path) else "is no file and no bundled spec"
    raise NotFound(f"{source}: {what}", hint=hint)


def label(path: Path) -> str:
    """How messages call a file: from the working folder where it lies below it, else in full."""
    full = Path(os.path.abspath(path))
    try:
        return str(full.relative_to(Path.cwd()))
    except ValueError:
        return str(full)
