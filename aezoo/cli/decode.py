"""`aezoo decode`: codes -> samples."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import model_io, options
from aezoo.cli.output_files import ARRAYS, PICTURE, claim
from aezoo.hardware.processes import is_first


@click.command()
@options.model
@options.offline
@click.argument("codes", type=options.AnyPath)
@click.option("--out", type=options.AnyPath, required=True, help="A file (.npy .npz .safetensors .png) or a folder.")
@model_io.batch_size
@model_io.tiles
@options.settings
@options.fields
@options.device
@options.force
@options.as_json
def decode(
    model: str,
    codes: Path,
    out: Path,
    batch_size: int | None,
    tile: int | None,
    overlap: int | None,
    settings: tuple[str, ...],
    fields: dict[str, object],
    device: str,
    force: bool,
    as_json: bool,
) -> None:
    """Write what the codes in CODES (.npy, .npz, .safetensors) decode to: an array, or pictures.

    Whole numbers are taken as the indices of a discrete code: what `encode --what indices` writes.
    """
    from aezoo.data.sources import open_samples, source_of

    claim(out, force=force, suffixes=(*ARRAYS, PICTURE), folder=True)
    with model_io.together(device):
        loaded = model_io.load(model, device)
        spec = loaded.spec
        code_samples = open_samples(source_of(codes, spec, settings, as_input=False), spec, as_input=False)
        samples = loaded.decode(code_samples, fields=fields, batch_size=batch_size, tile=tile, overlap=overlap)
    if not is_first():
        return
    files = model_io.write_samples(out, samples, loaded)
    model_io.report_output(out, samples, "samples", as_json, files=files)
