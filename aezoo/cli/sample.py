"""`aezoo sample`: the prior -> new samples."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import model_io, options
from aezoo.cli.output_files import ARRAYS, PICTURE, claim
from aezoo.hardware.processes import is_first


@click.command()
@options.model
@options.offline
@click.option("-n", "--count", type=click.IntRange(1), default=16, show_default=True, help="How many.")
@click.option("--out", type=options.AnyPath, required=True, help="A file (.npy .npz .safetensors .png) or a folder.")
@options.fields
@options.seed
@options.device
@options.force
@options.as_json
def sample(
    model: str,
    count: int,
    out: Path,
    fields: dict[str, object],
    seed: int | None,
    device: str,
    force: bool,
    as_json: bool,
) -> None:
    """Write new samples, drawn from the prior of MODEL; the same seed draws the same."""
    claim(out, force=force, suffixes=(*ARRAYS, PICTURE), folder=True)
    with model_io.together(device):
        loaded = model_io.load(model, device)
        samples = loaded.sample(count, seed=seed or 0, fields=fields)
    if not is_first():
        return
    files = model_io.write_samples(out, samples, loaded)
    model_io.report_output(out, samples, "samples", as_json, files=files)
