"""Scores as a table: the model beside its baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aezoo.cli.output import number, table

if TYPE_CHECKING:
    from aezoo.evaluation.scores import Scores


def tell(scores: Scores) -> None:
    """Print every metric, and what each baseline gets for it."""
    baselines = list(scores.baselines)
    rows = [
        (name, number(value), *(number(scores.baselines[other].get(name)) for other in baselines))
        for name, value in scores.metrics.items()
    ]
    click.echo(f"{scores.split} split, {scores.n:,} samples")
    table(("metric", "model", *baselines), rows, right="l" + "r" * (1 + len(baselines)), yields=0)
