"""`aezoo reconstruct`: samples -> code -> samples."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import options, using
from aezoo.cli.writing import ARRAYS, PICTURE, claim


@click.command()
@options.model
@options.offline
@using.source
@click.option("--out", type=options.AnyPath, required=True, help="A file (.npy .npz .safetensors .png) or a folder.")
@using.split
@options.settings
@options.device
@options.force
@options.as_json
def reconstruct(
    model: str,
    source: Path | None,
    out: Path,
    split: str,
    settings: tuple[str, ...],
    device: str,
    force: bool,
    as_json: bool,
) -> None:
    """Write the reconstructions of INPUT; of the model's own test data by default.

    A .png compares the first samples with their reconstructions, a folder takes one picture for each.
    """
    claim(out, force=force, suffixes=(*ARRAYS, PICTURE), folder=True)
    loaded = using.load(model, device)
    given = using.samples_for(loaded, source, split, settings)
    samples = loaded.reconstruct(given)
    files = using.write_samples(out, samples, loaded, given=given)
    using.tell(out, samples, "reconstructions", as_json, most=using.PAIRS, files=files)
