"""Scores as a table: the model beside its baselines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from aezoo.cli.output import columns as width
from aezoo.cli.output import folded, number, table
from aezoo.names import visible

if TYPE_CHECKING:
    from aezoo.diagnosis.finding import Finding
    from aezoo.evaluation.scores import Scores


def in_units(units: object) -> str:
    """A note for errors that are not in data units."""
    return "; errors in standardized units, as the loss" if units == "standardized" else ""


def print_findings(findings: Iterable[Finding]) -> None:
    """Print what is wrong, why, and what to type against it."""
    for finding in findings:
        for line in finding.lines():
            click.echo(folded(visible(line), "    "), err=True)


def print_scores(scores: Scores) -> None:
    """Print every metric, and what each baseline gets for it; what is wrong with the model, on stderr."""
    columns = {"model": scores.metrics, **scores.baseline}
    names = dict.fromkeys(name for values in columns.values() for name in values)
    rows = [(name, *(number(values.get(name)) for values in columns.values())) for name in names]
    click.echo(f"{scores.dataset}, {scores.split} split, {scores.n:,} samples{in_units(scores.units)}")
    table(("metric", *columns), rows, right="l" + "r" * len(columns))
    if width() is not None:  # on a terminal; a file or a pipe holds the figures alone
        click.echo(legend(names))
    print_findings(scores.findings)


def legend(names: Iterable[str]) -> str:
    """Which way each metric is better, in one line, and how to have one explained."""
    from aezoo.registry.loader import default_registry

    registry = default_registry()
    known = set(registry.names("metric"))
    # Of a metric with several numbers, `name.key`.
    parts = {name: name.removeprefix("denoising_").partition(".")[0] for name in names}
    ways = {name: registry.get("metric", part).better for name, part in parts.items() if part in known}
    exceptions = [f"of {name} higher is better" for name, way in ways.items() if way == "higher"]
    exceptions += [f"{name} only describes" for name, way in ways.items() if not way]
    return f"{'; '.join(['lower is better', *exceptions])}: `aezoo components metric NAME` explains one"
