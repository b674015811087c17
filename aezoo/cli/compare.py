"""`aezoo compare`: the scores of models side by side."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import options
from aezoo.cli.output import emit, number, table
from aezoo.cli.scores_table import in_units, print_findings
from aezoo.cli.spec_source import folder_of
from aezoo.errors import UsageError
from aezoo.names import inert

if TYPE_CHECKING:
    from aezoo.storage.comparison import Group, Spread


@click.command()
@click.argument("models", metavar="MODEL MODEL...", nargs=-1, required=True)
@options.offline
@options.as_json
def compare(models: tuple[str, ...], as_json: bool) -> None:
    """Put the scores of each MODEL side by side; of runs that differ by their seed alone, mean and deviation.

    Scores are those in the models' folders: nothing is evaluated. Of models that were judged on other samples a warning
    tells, since their figures are no ranking.
    """
    from aezoo.spec.limits import LIMITS_IN_USE
    from aezoo.storage.comparison import compared

    if len(set(models)) < 2:
        raise UsageError("there is one model to compare", hint="name two or more")
    with ExitStack() as stack:
        folders = {name: stack.enter_context(folder_of(name, limits=LIMITS_IN_USE)) for name in models}
        specs = [name for name, folder in folders.items() if folder is None]
        if specs:
            raise UsageError(f"{specs[0]} is a spec: it has no scores", hint=f"`aezoo train {specs[0]}` makes a model")
        groups = compared({name: folder for name, folder in folders.items() if folder is not None})
    if as_json:
        emit([_document(group) for group in groups])
        return
    _print(groups)


def _print(groups: list[Group]) -> None:
    names = dict.fromkeys(name for group in groups for name in group.metrics)
    rows = [(inert(name), *(_cell(group.metrics.get(name)) for group in groups)) for name in names]
    heads = [" ".join(map(inert, group.names)) for group in groups]
    table(("metric", *heads), rows, right="l" + "r" * len(groups))
    for group in groups:
        judged = group.judged
        where = f"{inert(judged['dataset'])}, {inert(judged['split'])} split, {inert(judged['n'])} samples"
        click.echo(f"{' '.join(map(inert, group.names))}: {where}{in_units(judged['units'])}")
        print_findings(group.findings)
    if any(group.judged != groups[0].judged for group in groups):
        click.echo("warning: they were judged on different samples or in different units: no ranking", err=True)


def _cell(spread: Spread | None) -> str:
    if spread is None or spread.deviation is None:
        return number(None if spread is None else spread.mean)
    return f"{number(spread.mean)} ± {spread.deviation:.2g} (n={spread.n})"


def _document(group: Group) -> dict[str, Any]:
    metrics = {name: spread._asdict() for name, spread in group.metrics.items()}
    findings = [finding.as_dict() for finding in group.findings]
    return {"models": group.names, **group.judged, "metrics": metrics, "findings": findings}
