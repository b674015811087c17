"""read: a path, a bundled name or a mapping -> Spec. Pydantic's exceptions do not leave this file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from aezoo.bundled import bundled_specs
from aezoo.discovery import default_registry
from aezoo.errors import Fault, NotFound, SpecError
from aezoo.registry import Registry
from aezoo.spec.checks import examine
from aezoo.spec.compose import Table, compose
from aezoo.spec.document import Spec
from aezoo.spec.text import foreign, read_text

MAX_BASES = 8
Source = str | PathLike[str] | Mapping[str, Any]


class SpecWarning(UserWarning):
    """A spec that reads, and that its author may want to look at again."""


def read(source: Source, *, overrides: Sequence[str] = (), registry: Registry | None = None) -> Spec:
    """Read and check a spec.

    Args:
        source: A path to a TOML or JSON file, the name of a bundled spec, or a mapping.
        overrides: `path=value` texts, applied last: `latent.dim=32`, `encoder.0.channels=64`.
        registry: Where parts are looked up; all that is installed, by default.

    Raises:
        SpecError: With every fault found, each with its place.
        NotFound: No such file and no such bundled spec.
        PluginError: The spec names a plugin that is missing or broken.
    """
    spec, faults = check(source, overrides=overrides, registry=registry)
    for fault in faults:
        warnings.warn(SpecWarning(str(fault)), stacklevel=2)
    return spec


def check(
    source: Source, *, overrides: Sequence[str] = (), registry: Registry | None = None
) -> tuple[Spec, list[Fault]]:
    """As `read`, and returns the lints instead of warning."""
    registry = registry or default_registry()
    label = "" if isinstance(source, Mapping) else str(source)
    try:
        table = resolve(source, overrides=overrides, registry=registry)
        spec = Spec.model_validate(table, context={"registry": registry})
    except ValidationError as error:
        raise SpecError([_fault(detail) for detail in error.errors()], source=label) from None
    except SpecError as error:
        raise SpecError(error.faults, source=error.source or label) from None
    faults = examine(spec)
    if any(fault.level == "error" for fault in faults):
        raise SpecError(faults, source=label)
    return spec, faults


def resolve(source: Source, *, overrides: Sequence[str] = (), registry: Registry | None = None) -> Table:
    """The source as one mapping, macros gone and overrides applied, before it is validated."""
    registry = registry or default_registry()
    own, folder = _open(source)
    return compose(own, _bases(own, folder, depth=0, registry=registry), _variants(own, registry), overrides)


def _open(source: Source, *, near: Path | None = None) -> tuple[Table, Path | None]:
    if isinstance(source, Mapping):
        # What no file can say would be lost when the spec is written down.
        if fault := foreign(dict(source)):
            raise SpecError([fault])
        return deepcopy(dict(source)), None
    path = locate(source, near=near)
    return read_text(path), path.parent


def locate(source: str | PathLike[str], *, near: Path | None = None) -> Path:
    """Where the spec is: a file, beside `near` first, or the bundled spec of that name. Raises `NotFound`."""
    path = (near or Path()) / source
    if path.is_file():
        return path
    bundled = bundled_specs()
    if str(source) in bundled:
        return bundled[str(source)]
    close = get_close_matches(str(source), bundled, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "`aezoo list` names the bundled specs"
    what = "is a folder, not a spec" if path.is_dir() else "is no file and no bundled spec"
    raise NotFound(f"{source}: {what}", hint=hint)


def _bases(own: Table, folder: Path | None, *, depth: int, registry: Registry) -> list[Table]:
    extends = own.get("extends", [])
    names = [extends] if isinstance(extends, str) else extends
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SpecError([Fault(("extends",), "AZ206", "takes the path or name of a spec, or a list of them")])
    if names and depth >= MAX_BASES:
        raise SpecError([Fault(("extends",), "AZ206", f"more than {MAX_BASES} bases deep: a circle?")])
    bases = []
    for name in names:
        try:
            base, near = _open(name, near=folder)
        except NotFound as error:
            raise NotFound(f"extends: {error.message}", hint=error.hint) from None
        below = _bases(base, near, depth=depth + 1, registry=registry)
        bases.append(compose(base, below, _variants(base, registry)))
    return bases


def _variants(own: Table, registry: Registry) -> dict[str, Mapping[str, Any]]:
    names = own.get("variants", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SpecError([Fault(("variants",), "AZ206", "takes a list of names")])
    fragments = {}
    for i, name in enumerate(names):
        try:
            fragments[name] = registry.variant(name)
        except PydanticCustomError as error:
            hint = str((error.context or {}).get("hint", ""))
            raise SpecError([Fault(("variants", i), "AZ301", error.message(), hint)]) from None
    return fragments


#: Codes by pydantic's type of error; what is not listed is a value of the wrong type or out of range.
CODES = {"extra_forbidden": "AZ203", "missing": "AZ202", "missing_type": "AZ202", "unknown_part": "AZ301"}


def _fault(detail: ErrorDetails) -> Fault:
    """One of pydantic's errors in our words."""
    kind, path = detail["type"], detail["loc"]
    hint = str(detail.get("ctx", {}).get("hint", ""))
    message = detail["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        message = f"unknown key {path[-1]!r}"
    elif kind == "missing":
        message = "is missing"
    elif kind in ("unknown_part", "missing_type", "table"):
        pass
    elif isinstance(detail["input"], (str, int, float, bool)):
        message = f"{_lower(message)}, got {detail['input']!r}"
    else:
        message = _lower(message)
    return Fault(path, CODES.get(kind, "AZ201"), message, hint)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
