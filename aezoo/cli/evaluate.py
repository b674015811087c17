"""`aezoo evaluate`: the model beside its baselines."""

from __future__ import annotations

from pathlib import Path

import click

import aezoo
from aezoo.cli import model_io, options
from aezoo.cli.output import emit
from aezoo.cli.scores_table import print_scores
from aezoo.hardware.processes import is_first


@click.command()
@options.model
@options.offline
@options.data
@click.option(
    "--split",
    metavar="SPLIT",
    type=click.Choice(["train", "validation", "test", "all"]),
    help="train, validation, test or all; test by default, all of what --data names.",
)
@options.settings
@options.fields
@options.device
@options.as_json
def evaluate(
    model: str,
    data: Path | None,
    split: str | None,
    settings: tuple[str, ...],
    fields: dict[str, object],
    device: str,
    as_json: bool,
) -> None:
    """Judge MODEL on data it was not trained on, side by side with its baselines."""
    from aezoo.data.sources import source_of

    split = split or ("test" if data is None else "all")
    with model_io.together(device):
        loaded = model_io.load(model, device)
        scores = aezoo.evaluate(loaded, source_of(data, loaded.spec, settings), split=split, fields=fields)
    if not is_first():
        return
    emit(scores.as_dict()) if as_json else print_scores(scores)
