"""Entry points: which installed distributions provide a namespace. Metadata is read, nothing imported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, distributions, entry_points

GROUP = "aezoo"
#: What an author looks at, where a claim is not as it was meant.
ENTRY = (
    f"look at [project.entry-points.{GROUP}] in its pyproject.toml, and after a change `pip install` it again, -e too"
)
#: The namespace that specs may leave out, and the distribution of it: nobody else can have it.
IN_THE_BOX = "aezoo"


#: While a spec is read: the entry points as they were when first asked for, or nothing yet; None outside of that.
_SCANNED: ContextVar[list[dict[str, list[EntryPoint]]] | None] = ContextVar("scanned", default=None)


@contextmanager
def scanned() -> Iterator[None]:
    """Look at the metadata once, however often they are asked for within, or not at all; the next time, anew."""
    if _SCANNED.get() is not None:
        yield
        return
    token = _SCANNED.set([])
    try:
        yield
    finally:
        _SCANNED.reset(token)


def installed() -> dict[str, list[EntryPoint]]:
    """Every namespace and the entry points that claim it."""
    scans = _SCANNED.get()
    if scans is None:
        return _installed()
    if not scans:
        scans.append(_installed())
    return scans[0]


def _installed() -> dict[str, list[EntryPoint]]:
    claims: dict[str, list[EntryPoint]] = {}
    for entry in _entries():
        if entry.name != IN_THE_BOX or owner(entry) == IN_THE_BOX:
            claims.setdefault(entry.name, []).append(entry)
    return claims


def own() -> list[EntryPoint]:
    """The entry point of the built-in parts; the files of no other distribution are looked at for it."""
    try:
        return [*distribution(IN_THE_BOX).entry_points.select(group=GROUP, name=IN_THE_BOX)]
    except PackageNotFoundError:
        return []


def reserved_claims() -> list[EntryPoint]:
    """Third-party entry points that use the reserved name; ignored."""
    return [entry for entry in _entries() if entry.name == IN_THE_BOX != owner(entry)]


def disabled(namespace: str) -> bool:
    """Whether `AEZOO_DISABLE_PLUGINS` keeps this namespace unimported."""
    names = [name.strip() for name in os.environ.get("AEZOO_DISABLE_PLUGINS", "").split(",")]
    return namespace != IN_THE_BOX and ("*" in names or namespace in names)


def owner(entry: EntryPoint) -> str:
    """The distribution that makes the claim; its module, where that is not known."""
    return entry.dist.name if entry.dist else entry.value


def version(entry: EntryPoint) -> str:
    """Of the distribution that makes the claim; empty where it is not known."""
    return (entry.dist.version or "") if entry.dist else ""


def present(name: str) -> bool:
    """Whether a distribution of this name is installed."""
    try:
        distribution(name)
    except (PackageNotFoundError, ValueError):
        return False
    return True


def titled(namespace: str) -> str:
    """A plugin by its namespace and the distributions that claim it: `plugin 'kan' (aezoo-kan 0.3)`."""
    owners = ", ".join(f"{owner(entry)} {version(entry)}".rstrip() for entry in installed().get(namespace, ()))
    return f"plugin {namespace!r} ({owners})" if owners else f"plugin {namespace!r}"


def _entries() -> Iterable[EntryPoint]:
    try:
        return entry_points(group=GROUP)
    except Exception:  # one damaged file among all that is installed: do without that one
        return [*_guarded(distributions())]


def _guarded(candidates: Iterable[Distribution]) -> Iterator[EntryPoint]:
    """As `entry_points` does it, each distribution for itself: the first of a name on the path counts."""
    seen: set[str] = set()
    for one in candidates:
        try:
            name, entries = one.name, [*one.entry_points.select(group=GROUP)]
        except Exception:  # of a third-party distribution, which need not be a plugin at all
            continue
        if name not in seen:
            seen.add(name)
            yield from entries
