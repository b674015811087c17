"""`aezoo fit`: from samples alone to a spec, a model and a figure beside the linear baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import aezoo
from aezoo.cli import options
from aezoo.cli.output import emit, folded, number, table
from aezoo.cli.scores_table import print_findings
from aezoo.cli.train import let_threads_sleep, progress
from aezoo.names import inert, visible

if TYPE_CHECKING:
    from aezoo.fitting.purposes import Purpose
    from aezoo.fitting.results import Fit

PURPOSES = ("features", "denoise", "anomaly", "compress", "generate")
#: Characters of a line about the data.
LINE = 1000

purpose = click.option(
    "--for",
    "purpose",
    type=click.Choice(PURPOSES),
    metavar="PURPOSE",
    default="features",
    show_default=True,
    help=f"What the model is for: {', '.join(PURPOSES)}.",
)
label = click.option("--label", metavar="NAME", help="A column or array of labels: known of the samples, and no input.")
width = click.option("--width", type=click.IntRange(1), help="Of the code; by default what the samples suggest.")


@click.command()
@click.argument("data")
@purpose
@click.option("--out", type=options.AnyPath, help="The folder of the fit; fits/NAME-PURPOSE by default.")
@label
@width
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    help="How long it may take, about.",
)
@options.reading
@options.seed
@options.device
@options.threads
@options.force
@options.as_json
def fit(
    data: str,
    purpose: Purpose,
    out: Path | None,
    label: str | None,
    width: int | None,
    minutes: float,
    settings: tuple[str, ...],
    seed: int | None,
    device: str,
    threads: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Fit a model to DATA, a file or folder of samples, and judge it beside a linear one.

    Looks at the samples, writes a commented spec, trains candidates within --minutes, keeps the best by a held-out
    figure, and reports. The same command goes on with what was stopped.
    """
    let_threads_sleep()
    done = aezoo.fit(
        data,
        purpose,
        out=out or Path("fits") / f"{Path(data).stem or 'samples'}-{purpose}",
        label=label,
        width=width,
        minutes=minutes,
        seed=seed or 0,
        settings=settings,
        device=device,
        threads=threads,
        force=force,
        progress=progress(as_json),
        tell=lambda line: None if as_json else click.echo(inert(line, LINE), err=True),
    )
    emit(done.document()) if as_json else _print(done)


def _print(done: Fit) -> None:
    from aezoo.fitting.results import MODEL, REPORT, SPEC

    rows = [(each.name, number(each.chosen_by), f"{each.steps:,}", each.ended) for each in done.candidates]
    table(("candidate", "validation", "steps", "ended"), rows, right="lrrl")
    for compared in done.compared:
        others = "; ".join(f"{rival.name} {number(rival.value)}" for rival in compared.rivals)
        click.echo(folded(visible(f"{compared.figure}: {number(compared.value)}; {others}"), "  "))
    click.echo(folded(visible(done.verdict), "  "))
    for remark in done.remarks:
        click.echo(folded(visible(remark), "  "))
    print_findings(done.findings)
    for name, path in (("spec", SPEC), ("model", MODEL), ("report", REPORT)):
        click.echo(f"{name}: {visible(str(done.out / path))}")
