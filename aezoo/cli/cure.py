"""`aezoo cure`: train again with the patches of a run's findings."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aezoo.cli import options
from aezoo.cli.output import emit, number, table
from aezoo.cli.scores_table import print_findings
from aezoo.cli.train import let_threads_sleep, progress

if TYPE_CHECKING:
    from aezoo.training.curing import Cured


@click.command()
@click.argument("folder", metavar="RUN", type=options.AnyPath)
@click.option("--out", type=options.AnyPath, help="The new model's folder; RUN-cured by default.")
@options.data
@options.device
@options.threads
@options.force
@options.as_json
def cure(
    folder: Path,
    out: Path | None,
    data: Path | None,
    device: str,
    threads: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Train the spec of RUN again with the patches of its findings, and show both beside each other.

    RUN itself stays as it is. Exit code 1 if it has no finding with a patch.
    """
    let_threads_sleep()
    from aezoo.training.curing import cure as treat

    cured = treat(folder, data, out=out, device=device, threads=threads, force=force, progress=progress(as_json))
    if as_json:
        scores = cured.run.scores
        after = scores.as_dict()["metrics"] if scores else {}
        findings = [finding.as_dict() for finding in cured.findings]
        left = [finding.as_dict() for finding in cured.left]
        emit(
            {
                "patch": cured.patch,
                "out": cured.run.out,
                "before": cured.before,
                "after": after,
                "findings": findings,
                "left": left,
            }
        )
        return
    _print(cured)


def _print(cured: Cured) -> None:
    click.echo(f"changed: {' '.join(f'--set {shlex.quote(text)}' for text in cured.patch)}")
    after = cured.run.scores.metrics if cured.run.scores else {}
    names = dict.fromkeys([*cured.before, *after])
    table(
        ("metric", "before", "after"),
        [(n, number(cured.before.get(n)), number(after.get(n))) for n in names],
        right="lrr",
    )
    before, left = ({finding.code for finding in found} for found in (cured.findings, cured.left))
    click.echo(f"gone: {', '.join(sorted(before - left)) or 'nothing'}; left: {', '.join(sorted(left)) or 'nothing'}")
    print_findings(cured.left)
    click.echo(f"model: {cured.run.out}")
