"""`aezoo reconstruct`: samples -> code -> samples."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import model_io, options
from aezoo.cli.output_files import ARRAYS, PICTURE, claim
from aezoo.hardware.processes import is_first


@click.command()
@options.model
@options.offline
@model_io.source
@click.option("--out", type=options.AnyPath, required=True, help="A file (.npy .npz .safetensors .png) or a folder.")
@model_io.split
@model_io.batch_size
@model_io.tiles
@options.settings
@options.fields
@options.device
@options.force
@options.as_json
def reconstruct(
    model: str,
    source: Path | None,
    out: Path,
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
    """Write the reconstructions of INPUT; of the model's own test data by default.

    A .png compares the first samples with their reconstructions, a folder takes one picture for each.
    """
    claim(out, force=force, suffixes=(*ARRAYS, PICTURE), folder=True)
    with model_io.together(device):
        loaded = model_io.load(model, device)
        originals = model_io.samples_for(loaded, source, split, settings)
        samples = loaded.reconstruct(originals, fields=fields, batch_size=batch_size, tile=tile, overlap=overlap)
    if not is_first():
        return
    files = model_io.write_samples(out, samples, loaded, originals=originals)
    model_io.report_output(out, samples, "reconstructions", as_json, most=model_io.PAIRS, files=files)
