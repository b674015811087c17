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
dry = click.option("--dry-run", is_flag=True, help="Say what would go, and leave it.")


@click.group()
def cache() -> None:
    """List, check and remove the models that were pulled. AEZOO_HOME names their folder."""


@cache.command("ls")
@options.as_json
def ls(as_json: bool) -> None:
    """List them: name, revisions, commit, size, when it was pulled."""
    from aezoo.spec.amounts import size
    from aezoo.zoo.cache import home

    kept = [one for _, one in _all()]
    if as_json:
        emit([_row(one) for one in kept])
        return
    if not kept:
        click.echo(f"{home()}: nothing was pulled yet", err=True)
        return
    rows = [
        (o.name, ", ".join(o.revisions), o.commit[:12], size(o.size), o.lock.pulled if o.lock else "?") for o in kept
    ]
    table(("name", "revisions", "commit", "size", "pulled"), rows, right="lllrl")
    click.echo(f"{home()}: {size(sum(one.size for one in kept))} in {len(kept)} models", err=True)


@cache.command("rm")
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@dry
@options.as_json
def rm(names: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Remove models: owner/name, owner/name@revision, or a commit's first digits."""
    rows = {row[1].folder: row for name in names for row in _named(name)}
    _remove([*rows.values()], dry_run=dry_run, as_json=as_json)


@cache.command("prune")
@dry
@options.as_json
def prune(dry_run: bool, as_json: bool) -> None:
    """Remove what no revision leads to any more, and what crashes left. What was pulled by its commit stays."""
    from aezoo.zoo.cache import shelves

    _remove([row for row in _all() if not row[1].wanted], dry_run=dry_run, as_json=as_json, unwanted=True)
    for shelf in () if dry_run else shelves():
        if shelf.leavings():
            with shelf.writing():
                pass


@cache.command("verify")
@click.argument("names", metavar="[MODEL...]", nargs=-1)
@options.as_json
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Hold every file to the sha256 noted when it was pulled; exit 1 if one is another."""
    chosen = [row for name in names for row in _named(name)] if names else _all()
    looks = {one: one.faults() for _, one in chosen}
    found = {one: faults for one, faults in looks.items() if faults is not None}  # the others are gone by now
    if as_json:
        emit([{**_row(one), "faults": faults} for one, faults in found.items()])
    for one, faults in () if as_json else found.items():
        click.echo(f"{'damaged' if faults else 'ok'}: {one.name}@{one.commit[:12]}{''.join(f'; {f}' for f in faults)}")
    if not found:
        click.echo("nothing was pulled yet", err=True)
    damaged = sum(map(bool, found.values()))
    if damaged:
        told = f"{damaged} of {len(found)} models are not as they were pulled"
        raise AnswerNo(told, hint="`aezoo pull` fetches one anew")


def _all() -> list[tuple[Shelf, Kept]]:
    from aezoo.zoo.cache import shelves

    return [(shelf, kept) for shelf in shelves() for kept in shelf.kept()]


def _named(text: str) -> list[tuple[Shelf, Kept]]:
    """The models of a name, of a name at a revision, or of a commit. Raises `NotFound`."""
    from aezoo.hints import did_you_mean

    name, _, revision = text.removeprefix("hub:").partition("@")
    there = _all()
    found = [row for row in there if name in (row[1].name, row[1].commit[: max(len(name), SHORTEST)])]
    if revision:
        # A tag may look like the beginning of a commit.
        exact = [row for row in found if revision in row[1].revisions]
        short = len(revision) < SHORTEST
        found = exact or [row for row in found if not short and row[1].commit.startswith(revision)]
    if not found:
        names = {row[1].name for row in there}
        # An owner's name in common makes no two models alike.
        like = {one for one in names if did_you_mean(name.rpartition("/")[2], [one.rpartition("/")[2]])}
        hint = did_you_mean(name, like, "`aezoo cache ls` names those that are")
        raise NotFound(f"{text[:200]}: no such model was pulled", hint=hint)
    return found


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
    told = {"endpoint": lock.endpoint, "pulled": lock.pulled} if lock else {}
    revisions = list(kept.revisions)
    return {"name": kept.name, "revisions": revisions, "commit": kept.commit, "folder": kept.folder, **told}
