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
    shape = spec.get("input", [])
    return {
        "name": name,
        "family": path.parent.name,
        "input": shape["shape"] if isinstance(shape, dict) else shape,
        "description": spec.get("description", ""),
        "paper": spec.get("paper", ""),
        "path": path,
    }
