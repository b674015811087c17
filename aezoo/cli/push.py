"""`aezoo push`: a model's folder -> a repository of the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import aezoo
from aezoo.cli import options
from aezoo.cli.output import emit, table
from aezoo.names import visible

if TYPE_CHECKING:
    from aezoo.zoo.pushing import Plan, Published


@click.command()
@click.argument("folder", metavar="DIR", type=options.AnyPath)
@click.argument("repo", metavar="OWNER/NAME")
@click.option("--tag", metavar="TAG", help="A version for the commit: v1.")
@click.option("--private", is_flag=True, help="Show a new repository to its owner alone.")
@click.option("--create-pr", "request", is_flag=True, help="Propose the commit as a pull request instead.")
@click.option("--license", metavar="ID", help="Of the weights, if the spec names none: apache-2.0, cc-by-4.0 ...")
@click.option("--keep-paths", is_flag=True, help="Publish paths of this machine that the spec holds.")
@click.option("--dry-run", is_flag=True, help="Print every file and the card; ask nobody, send nothing.")
@options.as_json
def push(folder: Path, repo: str, dry_run: bool, as_json: bool, **chosen: Any) -> None:
    """Publish the model in DIR as OWNER/NAME on the Hub: one commit, checked before and read back after.

    The token is that of `hf auth login`, or HF_TOKEN. Text around the card on the Hub is kept.
    """
    if dry_run:
        from aezoo.zoo.pushing import plan, refuse_tag

        refuse_tag(chosen["tag"], request=chosen["request"])
        kept = {name: chosen[name] for name in ("license", "keep_paths")}
        _print_plan(plan(folder, repo, **kept), as_json=as_json)
        return
    print_published(aezoo.push(folder, repo, **chosen), as_json=as_json)


def print_published(published: Published, *, as_json: bool) -> None:
    """Say what a push did."""
    if as_json:
        emit(published._asdict())
        return
    for name in published.left:
        click.echo(f"stays here: {visible(name)}", err=True)
    if published.request:
        click.echo(f"pull request: {published.request}", err=True)
    elif published.changed:
        name = f"{published.repo}@{published.tag}" if published.tag else published.repo
        click.echo(f"published; `aezoo pull {name}` fetches it", err=True)
    else:
        click.echo(
            f"nothing is new: no commit was made{f'; tagged {published.tag}' if published.tag else ''}", err=True
        )
    click.echo(published)


def _print_plan(planned: Plan, *, as_json: bool) -> None:
    if as_json:
        emit({**planned._asdict(), "files": [file._asdict() for file in planned.files]})
        return
    rows = [(file.name, f"{file.size:,}", file.sha256) for file in planned.files]
    table(("file", "bytes", "sha256"), rows, right="lrl")
    for name in planned.left:
        click.echo(f"stays here: {visible(name)}")
    click.echo()
    for line in planned.card.removesuffix("\n").split("\n"):
        click.echo(visible(line.expandtabs()))
