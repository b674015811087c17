"""`aezoo evaluate`: the model beside its baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import aezoo
from aezoo.cli import model_io, options
from aezoo.cli.output import emit
from aezoo.cli.scores_table import print_scores
from aezoo.hardware.processes import is_first


def _metrics(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str | dict[str, Any], ...]:
    """Names, and tables as a spec has them: `{type = "value_rates", most = 8}`."""
    from aezoo.reading.text import parse_value

    metrics = tuple(parse_value(value) if value.lstrip().startswith("{") else value for value in values)
    for value, metric in zip(values, metrics, strict=True):
        if isinstance(metric, str) and value.lstrip().startswith("{"):
            raise click.BadParameter(f"is no table: {value}", ctx=ctx, param=param)
    return metrics


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
@click.option(
    "--metric",
    "metrics",
    metavar="METRIC",
    multiple=True,
    callback=_metrics,
    help="One more: elbo, or '{type = \"value_rates\", most = 8}'. Repeatable.",
)
@options.settings
@options.fields
@options.device
@options.as_json
def evaluate(
    model: str,
    data: Path | None,
    split: str | None,
    metrics: tuple[str | dict[str, Any], ...],
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
        source = source_of(data, loaded.spec, settings)
        scores = aezoo.evaluate(loaded, source, split=split, fields=fields, metrics=metrics)
    if not is_first():
        return
    emit(scores.as_dict()) if as_json else print_scores(scores)
