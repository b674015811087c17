"""`aezoo list`: embedded, pulled and Hub models, and the bundled specs, read as TOML alone."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import options
from aezoo.cli.output import emit, number, table
from aezoo.reading.bundled import bundled_specs

if TYPE_CHECKING:
    from aezoo.zoo.listing import Listed

KINDS = ("models", "specs")
#: Of a spec, where a text is looked for.
SEARCHED = ("name", "family", "description")


@click.command("list")
@click.argument("kind", metavar="[models|specs]", required=False, type=click.Choice(KINDS))
@click.option("--remote", is_flag=True, help="Ask the Hub for its models, too.")
@click.option("--search", metavar="TEXT", help="Those with this text in name, family or description.")
@options.offline
@options.as_json
def catalog(kind: str | None, remote: bool, search: str | None, as_json: bool) -> None:
    """List models (embedded, pulled, with --remote on the Hub) and bundled specs, which train one."""
    from aezoo.zoo.listing import listed

    models = listed(remote=remote, search=search) if kind != "specs" else []
    specs = [_row(name, path) for name, path in bundled_specs().items()] if kind != "models" else []
    specs = [row for row in specs if (search or "").lower() in " ".join(str(row[key]) for key in SEARCHED).lower()]
    if as_json:
        listed_by_kind = {"models": [one._asdict() for one in models], "specs": specs}
        emit({name: listed_by_kind[name] for name in KINDS if kind in (None, name)})
        return
    _print_models(models)
    if models and specs:
        click.echo()
    _print_specs(specs)


def _print_models(models: list[Listed]) -> None:
    from aezoo.spec.amounts import size

    if not models:
        return
    head = ("model", "family", "input", "parameters", "size", "metric", "licence", "where")
    rows = [
        (
            one.name,
            one.family,
            "x".join(map(str, one.input)),
            "" if one.parameters is None else f"{one.parameters:,}",
            "" if one.size is None else size(one.size),
            f"{one.metric} {number(one.value)}" if one.metric else "",
            one.license,
            one.where,
        )
        for one in models
    ]
    table(head, rows, right="lllrrlll", yields=1, folds=True)


def _print_specs(specs: list[dict[str, Any]]) -> None:
    if not specs:
        return
    cells = [(row["name"], row["family"], "x".join(map(str, row["input"])), row["description"]) for row in specs]
    table(("spec", "family", "input", "description"), cells, yields=3)


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
