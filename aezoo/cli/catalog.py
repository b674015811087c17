"""`aezoo list`: the bundled specs, read as TOML and nothing more."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click

from aezoo.bundled import bundled_specs
from aezoo.cli import options
from aezoo.cli.output import emit, table


@click.command("list")
@options.as_json
def catalog(as_json: bool) -> None:
    """List the bundled specs: name, family, input, what each is for."""
    rows = [_row(name, path) for name, path in bundled_specs().items()]
    if as_json:
        emit(rows)
        return
    cells = [(row["name"], row["family"], "x".join(map(str, row["input"])), row["description"]) for row in rows]
    table(("name", "family", "input", "description"), cells, yields=3)


def _row(name: str, path: Path) -> dict[str, Any]:
    spec = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        "name": name,
        "family": path.parent.name,
        "input": _input(spec),
        "description": spec.get("description", ""),
        "paper": spec.get("paper", ""),
        "path": path,
    }


def _input(spec: dict[str, Any], depth: int = 0) -> list[int]:
    """The shape that a spec says itself, or takes from a bundled base."""
    shape = spec.get("input", [])
    if isinstance(shape, dict):
        shape = shape.get("shape", [])
    bases = spec.get("extends", [])
    for base in [bases] if isinstance(bases, str) else bases:
        path = bundled_specs().get(base)
        if not shape and path is not None and depth < len(bundled_specs()):
            shape = _input(tomllib.loads(path.read_text(encoding="utf-8")), depth + 1)
    return list(shape)
