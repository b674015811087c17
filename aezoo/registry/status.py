"""Status: what is known of a plugin from its metadata alone, and why it cannot be used if it cannot."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, version
from importlib.util import find_spec
from typing import Literal, NamedTuple

from aezoo.registry import entry_points
from aezoo.registry.entry_points import IN_THE_BOX

State = Literal["installed", "loaded", "disabled", "conflict", "invalid", "incompatible", "broken"]
#: What a spec writes before the colon: also the end of a package's name and, with - for _, of a distribution's.
NAMESPACE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class Standing(NamedTuple):
    """A namespace, who claims it, and whether it can be used.

    Attributes:
        state: `installed` is well as far as metadata tell; `loaded` was imported, and gave its parts.
        reason: Why it is neither.
        hint: What to do about it.
    """

    namespace: str
    state: State
    reason: str
    hint: str
    entries: tuple[EntryPoint, ...]

    @property
    def usable(self) -> bool:
        """Whether nothing is known against it."""
        return self.state in ("installed", "loaded")


def standings() -> Iterator[Standing]:
    """Every namespace that is claimed, by name; nothing is imported."""
    for namespace, entries in sorted(entry_points.installed().items()):
        yield standing(namespace, entries)
    for entry in entry_points.reserved_claims():
        message = f"the namespace {IN_THE_BOX!r} is reserved for the built-in parts"
        yield Standing(IN_THE_BOX, "invalid", message, f"tell the author of {entry_points.owner(entry)}", (entry,))


def standing(namespace: str, entries: Sequence[EntryPoint]) -> Standing:
    """What becomes of a namespace that these entry points claim."""
    state, reason, hint = _obstacle(namespace, entries) or ("installed", "", "")
    return Standing(namespace, state, reason, hint, tuple(entries))


def _obstacle(namespace: str, entries: Sequence[EntryPoint]) -> tuple[State, str, str] | None:
    owners = ", ".join(sorted(map(entry_points.owner, entries)))
    if entry_points.disabled(namespace):
        return "disabled", f"plugin {namespace!r} is disabled by AEZOO_DISABLE_PLUGINS", "clear that variable"
    if len(entries) > 1:
        return "conflict", f"namespace {namespace!r} is claimed by {owners}; neither is loaded", "uninstall one"
    if not NAMESPACE.fullmatch(namespace):
        message = f"namespace {namespace!r} of {owners} cannot be written in a spec"
        return "invalid", message, "its author names it with lower-case letters, digits and single '_'"
    wanted = _unmet(entries[0])
    if wanted:
        message = f"plugin {namespace!r} ({owners}) wants {wanted}, {version('aezoo')} is installed"
        return "incompatible", message, f"upgrade {owners} or aezoo, whichever is older"
    if not _there(entries[0].module.partition(".")[0]):
        message = f"the entry point of plugin {namespace!r} ({owners}) names {entries[0].value}, which is not there"
        return "broken", message, entry_points.ENTRY
    return None


def _there(package: str) -> bool:
    """Whether a package exists; it is not imported."""
    try:
        return package in sys.modules or find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _unmet(entry: EntryPoint) -> str:
    """The requirement of a plugin that this aezoo does not meet; empty if it meets all."""
    texts = [text for text in (entry.dist.requires or () if entry.dist else ()) if text.lower().startswith("aezoo")]
    if not texts:
        return ""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in texts:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        here = wanted.name == "aezoo" and (wanted.marker is None or wanted.marker.evaluate({"extra": ""}))
        if here and not wanted.specifier.contains(version("aezoo"), prereleases=True):
            return f"aezoo{wanted.specifier}"
    return ""
