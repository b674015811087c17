"""Requirements: whether what `requires` names is installed. Nothing is imported for it, and nothing installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from aezoo.errors import Fault, KeyPath


def installed(name: str) -> str | None:
    """The version of a distribution; None if it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def unmet(text: str, path: KeyPath, *, look_up: Callable[[str], str | None] = installed) -> list[Fault]:
    """What is wrong with one entry of `requires`, such as `aezoo-kan>=0.1,<1`; nothing, if it is met.

    Args:
        text: The entry.
        path: Where it stands.
        look_up: Gives the version that is installed, by the normalized name.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        wanted = Requirement(text)
        if wanted.url:  # what a spec wants is looked up by its name, and never where a spec says
            raise InvalidRequirement
    except InvalidRequirement:
        return [Fault(path, "AZ201", f"takes a distribution and its versions, got {text[:80]!r}", "aezoo-kan>=0.1")]
    there = look_up(canonicalize_name(wanted.name))
    if there is None:
        return [Fault(path, "AZ304", f"{text} is not installed", f"pip install {str(wanted)!r}; nothing was installed")]
    if wanted.specifier.contains(there, prereleases=True):
        return []
    return [Fault(path, "AZ304", f"{text} is wanted, {there} is installed", f"pip install -U {str(wanted)!r}")]
