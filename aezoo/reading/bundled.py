"""The bundled specs: where they are, and their names. A name is a file's stem, unique over all families."""

from __future__ import annotations

from pathlib import Path

from aezoo.errors import NotFound
from aezoo.hints import did_you_mean


def folder() -> Path:
    """`aezoo/specs` of an installed package, else `specs` beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "specs"
    return inside if inside.is_dir() else package.parent / "specs"


def bundled_specs() -> dict[str, Path]:
    """Every bundled spec by name; its family is the name of its folder."""
    return {path.stem: path for path in sorted(folder().glob("*/*.toml"))}


def find(name: str) -> Path:
    """Where the bundled spec of this name is. Raises `NotFound`."""
    specs = bundled_specs()
    if name in specs:
        return specs[name]
    hint = did_you_mean(name, specs, "`aezoo list` names the bundled specs")
    raise NotFound(f"no bundled spec is called {name!r}", hint=hint)
