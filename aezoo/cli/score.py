"""`aezoo score`: how unusual each sample is."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import click

from aezoo.cli import options, using
from aezoo.cli.output import emit
from aezoo.cli.writing import claim
from aezoo.files import atomic_write


@click.command()
@options.model
@using.source
@click.option("--out", type=options.AnyPath, help="A .csv file, instead of lines on stdout.")
@using.split
@options.device
@options.force
@options.as_json
def score(
    model: Path, source: Path | None, out: Path | None, split: str, device: str, force: bool, as_json: bool
) -> None:
    """Say how unusual each sample of INPUT is: a name and a score a line, the higher the stranger."""
    if out is not None:
        claim(out, force=force, suffixes=(".csv",))
    loaded = using.load(model, device)
    given = using.samples_for(loaded, source, split)
    scores = [float(value) for value in using.plain(loaded.score(given.values))]
    rows = list(zip(given.names, scores, strict=True))
    if out is not None:
        atomic_write(out, _csv(rows))
    if as_json:
        emit([{"name": name, "score": value} for name, value in rows])
    elif out is None:
        for name, value in rows:
            click.echo(f"{name}\t{value:.6g}")
    else:
        click.echo(f"{out}: {len(rows):,} scores")


def _csv(rows: list[tuple[str, float]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([("name", "score"), *rows])
    return buffer.getvalue()
