"""`aezoo cache`: the models that were pulled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import options
from aezoo.cli.output import emit, table
from aezoo.errors import AnswerNo, NotFound

if TYPE_CHECKING:
    from aezoo.zoo.cache import Kept, Shelf

#: Digits of a commit that name it.
SHORTEST = 7
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would go, and leave it.")


@click.group()
def cache() -> None:
    """List, check and remove the models that were pulled. AEZOO_HOME names their folder."""


@cache.command("ls")
@options.as_json
def ls(as_json: bool) -> None:
    """List them: name, revisions, commit, size, when it was pulled."""
    from aezoo.files import cache_folder
    from aezoo.spec.amounts import size

    kept = [one for _, one in _pulled()]
    if as_json:
        emit([_row(one) for one in kept])
        return
    if not kept:
        click.echo(f"{cache_folder()}: nothing was pulled yet", err=True)
        return
    rows = [
        (o.name, ", ".join(o.revisions), o.commit[:12], size(o.size), o.lock.pulled if o.lock else "?") for o in kept
    ]
    table(("name", "revisions", "commit", "size", "pulled"), rows, right="lllrl")
    click.echo(f"{cache_folder()}: {size(sum(one.size for one in kept))} in {len(kept)} models", err=True)


@cache.command("rm")
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@dry_run_option
@options.as_json
def rm(names: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Remove models: owner/name, owner/name@revision, or a commit's first digits."""
    rows = {row[1].folder: row for name in names for row in _matching(name)}
    _remove([*rows.values()], dry_run=dry_run, as_json=as_json)


@cache.command("prune")
@dry_run_option
@options.as_json
def prune(dry_run: bool, as_json: bool) -> None:
    """Remove what no revision leads to any more, and what crashes left. What was pulled by its commit stays."""
    from aezoo.zoo.cache import shelves

    _remove([row for row in _pulled() if not row[1].wanted], dry_run=dry_run, as_json=as_json, unwanted=True)
    for shelf in () if dry_run else shelves():
        if shelf.leavings():
            with shelf.writing():
                pass


@cache.command("verify")
@click.argument("names", metavar="[MODEL...]", nargs=-1)
@options.as_json
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Hold every file to the sha256 noted when it was pulled; exit 1 if one is another."""
    chosen = [row for name in names for row in _matching(name)] if names else _pulled()
    looks = {one: one.faults() for _, one in chosen}
    faults_of = {one: faults for one, faults in looks.items() if faults is not None}  # the others are gone by now
    if as_json:
        emit([{**_row(one), "faults": faults} for one, faults in faults_of.items()])
    for one, faults in () if as_json else faults_of.items():
        click.echo(f"{'damaged' if faults else 'ok'}: {one.name}@{one.commit[:12]}{''.join(f'; {f}' for f in faults)}")
    if not faults_of:
        click.echo("nothing was pulled yet", err=True)
    damaged = sum(map(bool, faults_of.values()))
    if damaged:
        message = f"{damaged} of {len(faults_of)} models are not as they were pulled"
        raise AnswerNo(message, hint="`aezoo pull` fetches one anew")


def _pulled() -> list[tuple[Shelf, Kept]]:
    from aezoo.zoo.cache import shelves

    return [(shelf, kept) for shelf in shelves() for kept in shelf.kept()]


def _matching(text: str) -> list[tuple[Shelf, Kept]]:
    """The models of a name, of a name at a revision, or of a commit. Raises `NotFound`."""
    from aezoo.hints import did_you_mean

    name, _, revision = text.removeprefix("hub:").partition("@")
    pulled = _pulled()
    rows = [row for row in pulled if name in (row[1].name, row[1].commit[: max(len(name), SHORTEST)])]
    if revision:
        # A tag may look like the beginning of a commit.
        exact = [row for row in rows if revision in row[1].revisions]
        short = len(revision) < SHORTEST
        rows = exact or [row for row in rows if not short and row[1].commit.startswith(revision)]
    if not rows:
        names = {row[1].name for row in pulled}
        # An owner's name in common makes no two models alike.
        like = {one for one in names if did_you_mean(name.rpartition("/")[2], [one.rpartition("/")[2]])}
        hint = did_you_mean(name, like, "`aezoo cache ls` names those that are")
        raise NotFound(f"{text[:200]}: no such model was pulled", hint=hint)
    return rows


def _remove(rows: Sequence[tuple[Shelf, Kept]], *, dry_run: bool, as_json: bool, unwanted: bool = False) -> None:
    if not dry_run:
        rows = [(shelf, kept) for shelf, kept in rows if shelf.remove(kept.commit, unwanted=unwanted)]
    if as_json:
        emit([_row(kept) for _, kept in rows])
        return
    for _, kept in rows:
        click.echo(f"{'would remove' if dry_run else 'removed'}: {kept.name}@{kept.commit[:12]}")
    if not rows:
        click.echo("nothing to remove", err=True)


def _row(kept: Kept) -> dict[str, Any]:
    lock = kept.lock
    origin = {"endpoint": lock.endpoint, "pulled": lock.pulled} if lock else {}
    revisions = list(kept.revisions)
    return {"name": kept.name, "revisions": revisions, "commit": kept.commit, "folder": kept.folder, **origin}
