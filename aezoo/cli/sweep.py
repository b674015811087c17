"""`aezoo sweep`: a model for every combination of values, and the table that compares them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import aezoo
from aezoo.cli import options
from aezoo.cli.output import emit, number, table
from aezoo.cli.train import let_threads_sleep, progress
from aezoo.errors import UsageError
from aezoo.names import inert

if TYPE_CHECKING:
    from aezoo.spec.limits import Limits
    from aezoo.storage.comparison import Spread
    from aezoo.sweeps.results import Sweep

#: Figures that are shown beside the one that chooses.
SHOWN = 3


@click.command()
@click.argument("source", metavar="SPEC")
@click.option(
    "--set",
    "settings",
    metavar="PATH=VALUES",
    multiple=True,
    help="Values of a setting: latent.dim=4,8,16 or seed=0..4. Repeatable.",
)
@click.option(
    "--search",
    "ranges",
    metavar="PATH=RANGE",
    multiple=True,
    help="Search a range instead: latent.dim=4..64, training.optimizer.lr=1e-4..1e-2:log. Repeatable.",
)
@click.option("--trials", type=click.IntRange(1), default=20, show_default=True, help="Of a search, in all.")
@click.option("--storage", metavar="URL", help="Of a search that several machines share; by default a file in --out.")
@click.option("--prune/--no-prune", default=True, help="Whether a search ends trials that are worse than the median.")
@click.option("--out", type=options.AnyPath, required=True, help="The folder of the sweep; each trial has one in it.")
@click.option("--by", metavar="TERM", default="total", show_default=True, help="The validation term of the best.")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Processes at once, for trials that are not stacked.")
@click.option("--stack/--no-stack", default=True, help="Whether trials of equal shape are trained as one.")
@options.data
@options.device
@options.threads
@options.limits
@options.force
@options.as_json
def sweep(
    source: str,
    settings: tuple[str, ...],
    ranges: tuple[str, ...],
    trials: int,
    storage: str | None,
    prune: bool,
    out: Path,
    by: str,
    jobs: int,
    stack: bool,
    data: Path | None,
    device: str,
    threads: int | None,
    limits: Limits,
    force: bool,
    as_json: bool,
) -> None:
    """Train SPEC with every combination of values, and compare the models on held-out samples.

    Trials of equal shape are trained as one. The same command goes on with what was stopped and trains nothing twice.
    --search draws values from ranges, near those of earlier trials that did well; several processes may share it.
    """
    if not settings and not ranges:
        raise UsageError("nothing varies", hint="--set seed=0..4 for a grid, or --search latent.dim=4..64")
    let_threads_sleep()
    done = aezoo.sweep(
        source,
        settings,
        out=out,
        data=data,
        by=by,
        jobs=jobs,
        stack=stack,
        device=device,
        threads=threads,
        force=force,
        limits=limits,
        progress=progress(as_json),
        search=ranges,
        trials=trials,
        storage=storage,
        prune=prune,
        tell=lambda line: None if as_json else click.echo(inert(line, 1000), err=True),
    )
    if as_json:
        emit(done.document())
    else:
        _print(done)
    if failed := [row for row in done.rows if row.failure]:
        from aezoo.errors import RunFailed

        row = failed[0]
        raise RunFailed(f"{len(failed)} of {len(done.rows)} trials failed; {row.trial.name}: {row.failure}")


def _print(done: Sweep) -> None:
    """A row for each group of seeds, best first, and where the best spec is."""
    groups = sorted(done.groups, key=lambda g: g.figures[done.by].mean if done.by in g.figures else float("inf"))
    paths = list(dict.fromkeys(path for group in groups for path in group.settings))
    known = list(dict.fromkeys(name for group in groups for name in group.figures))
    tests = [name for name in known if not name.startswith("validation.")][:SHOWN]
    figures = [done.by, *tests] if done.by in known else tests
    rows = [
        (
            *(group.settings[path] for path in paths),
            str(len(group.rows)),
            *(_spread(group.figures.get(n)) for n in figures),
        )
        for group in groups
    ]
    table((*paths, "seeds", *figures), rows, right="l" * len(paths) + "r" * (1 + len(figures)))
    if best := done.best:
        from aezoo.sweeps.results import BEST

        click.echo(f"best: {best.trial.name} by {done.by}; its spec: {done.out / BEST}")


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    return number(spread.mean) if spread.deviation is None else f"{number(spread.mean)} ± {spread.deviation:.2g}"
