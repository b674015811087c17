"""`aezoo score`: how unusual each sample is."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aezoo.cli import model_io, options
from aezoo.cli.output import divert, emit, result
from aezoo.cli.output_files import claim
from aezoo.files import atomic_write
from aezoo.hardware.processes import is_first
from aezoo.names import visible

if TYPE_CHECKING:
    from aezoo.model import Score


@click.command()
@options.model
@options.offline
@model_io.source
@click.option("--out", type=options.AnyPath, help="A .csv file, instead of lines on stdout.")
@click.option(
    "--by",
    type=click.Choice(["auto", "objective", "reconstruction", "elbo"]),
    metavar="MEASURE",
    default="auto",
    show_default=True,
    help="objective, reconstruction or elbo; auto is the objective's own where it has one, the ELBO of a model trained "
    "with a rate (kl), else the reconstruction.",
)
@model_io.split
@model_io.batch_size
@options.settings
@options.fields
@options.seed
@options.device
@options.force
@options.as_json
@click.pass_context
def score(
    ctx: click.Context,
    model: str,
    source: Path | None,
    out: Path | None,
    by: Score,
    split: str,
    batch_size: int | None,
    settings: tuple[str, ...],
    fields: dict[str, object],
    seed: int | None,
    device: str,
    force: bool,
    as_json: bool,
) -> None:
    """Say how unusual each sample of INPUT is: a name and a score a line, the higher the more unusual."""
    divert(ctx)
    if out is not None:
        claim(out, force=force, suffixes=(".csv",))
    with model_io.together(device):
        loaded = model_io.load(model, device)
        samples = model_io.samples_for(loaded, source, split, settings)
        scores = loaded.score(samples, by=by, seed=seed or 0, fields=fields, batch_size=batch_size)
    if not is_first():
        return
    rows = [(samples.name(row), float(value)) for row, value in enumerate(scores)]
    labels = model_io.labels_of(samples)
    if out is not None:
        atomic_write(out, _csv(rows, labels))
    if as_json:
        said = [{"name": name, "score": value} for name, value in rows]
        emit(said if labels is None else [{**one, "label": label} for one, label in zip(said, labels, strict=True)])
    elif out is None:
        for name, value in rows:
            result(f"{visible(name)}\t{value:.6g}")
    else:
        result(f"{visible(str(out))}: {len(rows):,} scores")


def _csv(rows: list[tuple[str, float]], labels: list[int] | list[str] | None) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if labels is None:
        writer.writerows([("name", "score"), *rows])
    else:
        writer.writerow(("name", "score", "label"))
        writer.writerows((*row, label) for row, label in zip(rows, labels, strict=True))
    return buffer.getvalue()
