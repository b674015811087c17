"""`aezoo encode`: samples -> codes."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import model_io, options
from aezoo.cli.output_files import ARRAYS, claim, write_array
from aezoo.hardware.processes import is_first


@click.command()
@options.model
@options.offline
@model_io.source
@click.option("--out", type=options.AnyPath, required=True, help=f"A file: {', '.join(ARRAYS)}.")
@click.option(
    "--what",
    metavar="FIELD",
    default="code",
    show_default=True,
    help="A field of the latent: mean, logvar, indices ...",
)
@model_io.split
@model_io.batch_size
@model_io.tiles
@options.settings
@options.fields
@options.device
@options.force
@options.as_json
def encode(
    model: str,
    source: Path | None,
    out: Path,
    what: str,
    split: str,
    batch_size: int | None,
    tile: int | None,
    overlap: int | None,
    settings: tuple[str, ...],
    fields: dict[str, object],
    device: str,
    force: bool,
    as_json: bool,
) -> None:
    """Write the codes of INPUT, a file or folder of samples; of the model's own test data by default."""
    claim(out, force=force, suffixes=ARRAYS)
    with model_io.together(device):
        loaded = model_io.load(model, device)
        samples = model_io.samples_for(loaded, source, split, settings)
        codes = loaded.encode(samples, what=what, fields=fields, batch_size=batch_size, tile=tile, overlap=overlap)
    if not is_first():
        return
    write_array(out, codes, model_io.companions(samples, loaded))
    model_io.report_output(out, codes, "codes" if what == "code" else f"codes ({what})", as_json)
