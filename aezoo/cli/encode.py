"""`aezoo encode`: samples -> codes."""

from __future__ import annotations

from pathlib import Path

import click

from aezoo.cli import options, using
from aezoo.cli.writing import ARRAYS, claim, write_array


@click.command()
@options.model
@using.source
@click.option("--out", type=options.AnyPath, required=True, help=f"A file: {', '.join(ARRAYS)}.")
@using.split
@options.device
@options.force
@options.as_json
def encode(model: Path, source: Path | None, out: Path, split: str, device: str, force: bool, as_json: bool) -> None:
    """Write the codes of INPUT, a file or folder of samples; of the model's own test data by default."""
    claim(out, force=force, suffixes=ARRAYS)
    loaded = using.load(model, device)
    codes = loaded.encode(using.samples_for(loaded, source, split))
    write_array(out, codes)
    using.tell(out, codes, "codes", as_json)
