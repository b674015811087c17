"""A spec some of whose plugins are not here, told as far as it is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import output
from aezoo.cli.phrases import phrase
from aezoo.names import visible

if TYPE_CHECKING:
    from aezoo.reading.missing_plugins import KnownRow, Partial

HEADER = ("stage", "part", "settings", "output", "parameters", "provider")
UNKNOWN = "?"


def tell(found: Partial) -> None:
    """Print the parts, with a question mark for what it would take an absent one to know."""
    from aezoo.reading.missing_plugins import rows
    from aezoo.spec.shape import text

    spec = found.spec
    click.echo(f"{spec.name}: {visible(spec.description)}" if spec.description else spec.name)
    prints = f"arch {brief(found.arch)}, run {brief(found.run)}, {standing(found)}"
    click.echo(f"input {text(spec.input.shape)}, {prints}")
    click.echo()
    output.table(HEADER, list(_cells(rows(spec))), right="lllrrl", yields=2, folds=True)
    click.echo()
    if found.absent:
        click.echo(f"not here: {', '.join(found.absent)}; a {UNKNOWN} is what it takes them to know")


def standing(found: Partial) -> str:
    """What the fingerprints of a partial spec are worth."""
    if found.noted:
        return "as noted when the model was saved"
    if found.variants:
        return "which an absent variant has a say in"
    return "of what is written" if found.absent else "as ever"


def brief(fingerprint: str | None) -> str:
    """The first digits of a fingerprint, or a question mark."""
    return UNKNOWN if fingerprint is None else fingerprint[:8]


def document(found: Partial) -> dict[str, Any]:
    """The spec as one JSON object; null where it would take an absent part to know."""
    from aezoo.reading.missing_plugins import rows

    spec, told = found.spec, list(rows(found.spec))
    return {
        "name": spec.name,
        "description": spec.description,
        "arch": found.arch,
        "run": found.run,
        "fingerprints": standing(found),
        "absent": found.absent,
        "input": spec.input.shape,
        "code": next(row.shape for row in told if row.stage == "latent"),
        "layers": [_document(row) for row in told],
    }


def _cells(found: Iterator[KnownRow]) -> Iterator[tuple[str, ...]]:
    from aezoo.spec.shape import text

    for row in found:
        name, provider, settings = _said(row)
        told = " ".join(f"{visible(key)}={phrase(value).replace(', ', ',')}" for key, value in settings.items())
        placed = row.stage.partition(".")[0] not in ("regularizers", "constraints", "objective")
        shape = text(row.shape) if row.shape else UNKNOWN * placed
        sized = row.stage == "latent" or row.stage.startswith(("encoder", "decoder"))
        size = f"{row.parameters:,}" if row.parameters is not None else UNKNOWN * sized
        yield row.stage, name, told, shape, size, provider


def _said(row: KnownRow) -> tuple[str, str, dict[str, Any]]:
    """Name, provider and settings of a part; of a mirror that nobody can make here, what it is."""
    if row.part is None:
        return "mirror", "", {}
    told = row.part.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    settings = {key: value for key, value in told.items() if key != "type"} if isinstance(told, dict) else {}
    return row.part.tag(), row.part.namespace or "aezoo", settings


def _document(row: KnownRow) -> dict[str, Any]:
    name, provider, settings = _said(row)
    said = {"stage": row.stage, "layer": name, "settings": settings, "provider": provider}
    return {**said, "shape": row.shape, "parameters": row.parameters}
