"""`aezoo runs`: the runs in a folder beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import options
from aezoo.cli.formatting import format_value
from aezoo.cli.output import emit, number, table
from aezoo.errors import NotFound, UsageError
from aezoo.names import inert

if TYPE_CHECKING:
    from aezoo.storage.runs import TrainedRun

#: Characters of a path or a fault.
LINE = 1000
#: Metrics that are shown unless others are asked for.
SHOWN = 3
#: Of training.json.
RECORD = ("steps", "seconds", "ended")


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="A metric to show. Repeatable.")
@options.as_json
def runs(folder: Path, metrics: tuple[str, ...], as_json: bool) -> None:
    """List the runs in DIR (runs by default): scores, time, and in what their specs differ."""
    from aezoo.storage.runs import differing, runs_in

    if not folder.is_dir():
        raise NotFound(f"{folder}: no such folder", hint="name the folder that holds those of your runs")
    found = runs_in(folder)
    if not found:
        raise NotFound(f"{folder}: holds no runs", hint="`aezoo train SPEC` writes one")
    paths = differing(found)
    if as_json:
        emit([_document(run, paths) for run in found])
        return
    shown = _chosen(found, metrics)
    good = [run for run in found if not run.fault]
    head = ("run", *RECORD, *shown, *paths)
    rows = [_row(run, folder, shown, paths) for run in good]
    table(head, rows, right="lrrl" + "r" * len(shown) + "l" * len(paths))
    for run in found:
        if run.fault:
            click.echo(f"{inert(run.folder, LINE)}: {inert(run.fault, LINE)}", err=True)


def _chosen(found: list[TrainedRun], wanted: tuple[str, ...]) -> list[str]:
    """The metrics to show. Raises `UsageError` for one that no run has."""
    known = list(dict.fromkeys(name for run in found for name in run.metrics))
    for name in wanted:
        if name not in known:
            raise UsageError(f"no run has the metric {name!r}", hint=f"there are {', '.join(known) or 'none'}")
    return list(wanted) or known[:SHOWN]


def _row(run: TrainedRun, folder: Path, shown: list[str], paths: list[str]) -> tuple[str, ...]:
    name = str(folder if run.folder == folder else run.folder.relative_to(folder))
    facts = (run.record.get(key) for key in RECORD)
    steps, seconds, ended = ("" if fact is None else fact for fact in facts)
    values = [format_value(run.settings[path]) if path in run.settings else "-" for path in paths]
    figures = [number(run.metrics.get(name)) for name in shown]
    return inert(name, LINE), inert(steps), inert(seconds), inert(ended), *figures, *map(inert, values)


def _document(run: TrainedRun, paths: list[str]) -> dict[str, Any]:
    settings = {path: run.settings[path] for path in paths if path in run.settings}
    record = {key: run.record[key] for key in RECORD if key in run.record}
    fault = {"fault": run.fault} if run.fault else {}
    return {"run": run.folder, **record, "metrics": run.metrics, "differs": settings, **fault}
