"""Scores as a table: the model beside its baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aezoo.cli.output import number, table

if TYPE_CHECKING:
    from aezoo.evaluation.scores import Scores


def in_units(units: object) -> str:
    """What is said of errors that are not in data units."""
    return "; errors in standardized units, as the loss" if units == "standardized" else ""


def tell(scores: Scores) -> None:
    """Print every metric, and what each baseline gets for it."""
    columns = {"model": scores.metrics, **scores.baseline}
    names = dict.fromkeys(name for values in columns.values() for name in values)
    rows = [(name, *(number(values.get(name)) for values in columns.values())) for name in names]
    click.echo(f"{scores.dataset}, {scores.split} split, {scores.n:,} samples{in_units(scores.units)}")
    table(("metric", *columns), rows, right="l" + "r" * len(columns))
