"""Resolve: a path, a name or a mapping, and all it extends -> one tree that keeps the source of each value."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

from aezoo.errors import Fault, NotFound, PluginError, SpecError
from aezoo.files import is_file
from aezoo.hints import did_you_mean
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.compose import Composer
from aezoo.reading.merge import MACROS
from aezoo.reading.migration import migrate
from aezoo.reading.provenance import Node, Source, node_of
from aezoo.reading.text import MAX_BYTES, foreign, parse
from aezoo.registry.registry import Registry
from aezoo.spec.document import Spec
from aezoo.spec.limits import Limits

#: How many bases stand on each other, and how many files one spec may be put together from.
MAX_DEPTH = 8
MAX_FILES = 64

#: What stands at the top of a spec, in the words of this format.
KEYS = frozenset(Spec.model_fields) | MACROS
#: Faults of a text whose messages quote it -> the message for a base that has them.
UNQUOTED = {
    "AZ102": "is not UTF-8 text, as a spec is",
    "AZ103": "cannot be read as a spec: it is not written as one",
    "AZ106": "a value that no spec has",
    "AZ107": "a key that stands in this table before",
    "AZ108": "a control character in a key or a name",
}

Spelled = str | PathLike[str] | Mapping[str, Any]


class Resolved(NamedTuple):
    """A spec put together, before its values are checked."""

    tree: Node
    faults: list[Fault]
    #: Whether something that it builds on could not be had: then what is missing may stand there.
    partial: bool


class Base(NamedTuple):
    """A base put together with all that it extends.

    Attributes:
        tree: Of all of it.
        depth: How many specs stand on each other in it.
        files: How many it extends, each as often as it is named.
    """

    tree: Node
    depth: int
    files: int


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
        #: What was read already, by the file: a base that is named forty times is read once.
        self._known: dict[Path, Base | SpecError] = {}

    def resolve(self, source: Spelled, overrides: Sequence[str] = ()) -> Resolved:
        """The source as one tree. Raises `NotFound`, `SpecError` (the text cannot be parsed)."""
        document = self._open(source)
        self._root = document.folder.resolve() if document.folder else None
        above = (document.path.resolve(),) if document.path else ()
        tree = self.composer.finish(self._compose(document, above=above).tree, overrides)
        return Resolved(tree, self.faults, self.partial)

    def _open(self, source: Spelled) -> Document:
        if isinstance(source, Mapping):
            # What no file can say would be lost when the spec is written down.
            if faults := foreign(dict(source)):
                raise SpecError(faults)
            return Document(self._current(dict(source), Source()))
        path = locate(source)
        name, data = label(path), content(path)
        return Document(self._current(parse(data, name), Source(name, data)), path.parent, path)

    def _current(self, table: dict[str, Any], source: Source) -> Node:
        """The tree of a table, brought to the current format."""
        try:
            return node_of(migrate(table), source)
        except SpecError as error:
            raise SpecError([_placed(fault, source) for fault in error.faults]) from None

    def _compose(self, document: Document, *, above: tuple[Path, ...]) -> Base:
        bases = [*self._bases(document, above)]
        variants = dict(self._variants(document.tree))
        tree = self.composer.compose(document.tree, [base.tree for base in bases], variants)
        depth = 1 + max((base.depth for base in bases), default=0)
        return Base(tree, depth, sum(1 + base.files for base in bases))

    # --- bases --------------------------------------------------------------------------------------------

    def _bases(self, document: Document, above: tuple[Path, ...]) -> Iterator[Base]:
        for name in self._names(document.tree, "extends", "takes the path or name of a spec, or a list of them"):
            try:
                yield self._base(name, document, above)
            except SpecError as error:
                self._lack(error.faults)
            if self._files > MAX_FILES:  # one more tells nothing new
                return

    def _base(self, name: Node, document: Document, above: tuple[Path, ...]) -> Base:
        """A base, read the first time that it is named. Raises `SpecError` if it may not be used here."""
        path = self._located(name, document)
        full = path.resolve()
        if full in above:
            circle = " -> ".join(step.name for step in (*above, path))
            raise self._refused("AZ206", name, f"goes in a circle: {circle}")
        self._refuse_many(name, depth=len(above))
        if not self._allowed(path):
            hint = "copy the base beside the spec, or take what `aezoo render` prints"
            raise self._refused("AZ601", name, f"{name.value!r} leads out of the spec's folder", hint)
        if (known := self._known.get(full)) is not None:
            return self._again(known, name, above)
        try:
            base = self._compose(self._read(path, name), above=(*above, full))
        except SpecError as error:
            self._known[full] = error
            raise
        self._known[full] = base
        return base

    def _again(self, known: Base | SpecError, name: Node, above: tuple[Path, ...]) -> Base:
        """A base that was read already, counted as if it were read anew."""
        if isinstance(known, SpecError):
            raise known
        self._files += known.files
        self._refuse_many(name, depth=len(above) + known.depth - 1)
        return known

    def _located(self, name: Node, document: Document) -> Path:
        self._files += 1
        try:
            return locate(name.value, near=document.folder)
        except NotFound as error:
            raise self._refused("AZ305", name, error.message, error.hint) from None

    def _refuse_many(self, name: Node, *, depth: int) -> None:
        if depth > MAX_DEPTH or self._files > MAX_FILES:
            raise self._refused("AZ206", name, f"takes at most {MAX_DEPTH} bases on each other, {MAX_FILES} in all")

    def _read(self, path: Path, name: Node) -> Document:
        """The file of a base. Nothing that stands in it is quoted unless it is a spec: whoever wrote the path may have
        aimed at something else."""
        written = label(path)
        try:
            data = content(path)
        except OSError as error:
            message = f"{name.value}: cannot be read: {error.strerror or error}"
            raise self._refused("AZ305", name, message) from None
        try:
            table = parse(data, written)
        except SpecError as error:
            raise SpecError([unquoted(error.faults[0], written)]) from None  # where it begins to be none is enough
        if table and not table.keys() & KEYS:
            message = f"{name.value!r} is no spec: it has none of the keys of one"
            raise self._refused("AZ206", name, message, "name a TOML or JSON file that holds a spec, or a part of one")
        source = Source(written, data, quoted=_is_spec(table))
        return Document(self._current(table, source), path.parent, path)

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
        node = own.value.get(key)
        if node is None:
            return []
        listed = [node] if key == "extends" and isinstance(node.value, str) else node.value
        names: list[Node] = listed if isinstance(listed, list) else []
        if listed is not names or not all(isinstance(name.value, str) for name in names):
            self._lack(self._refused("AZ206", node, takes).faults)
            return []
        return names

    def _refused(self, code: str, node: Node, message: str, hint: str = "") -> SpecError:
        source, path = node.origin
        return SpecError([Fault(path, code, message, hint, where=source.where(path) if source.name else None)])

    def _lack(self, faults: Sequence[Fault]) -> None:
        self.faults.extend(faults)
        self.partial = True


def _is_spec(table: dict[str, Any]) -> bool:
    """Whether all that stands at the top of a table are keys of a spec."""
    try:
        return migrate(table).keys() <= KEYS
    except SpecError:
        return False


def _placed(fault: Fault, source: Source) -> Fault:
    return fault._replace(where=source.where(fault.path)) if source.name else fault


def content(path: Path) -> bytes:
    """The bytes of a file, not many more than a spec may have."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def unquoted(fault: Fault, name: str) -> Fault:
    """A fault of a text without anything of that text: its position and its kind."""
    message = UNQUOTED.get(fault.code, fault.message)
    where = fault.where._replace(text="") if fault.where else None
    return Fault((), fault.code, message, f"`aezoo check {quote(name)}` shows what stands there", where=where)


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
