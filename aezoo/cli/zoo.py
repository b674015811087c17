"""`aezoo zoo`: publish the embedded models as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

import aezoo
from aezoo.cli import options, push
from aezoo.cli.output import emit, table
from aezoo.errors import AezooError, Interrupted, UsageError

if TYPE_CHECKING:
    from aezoo.zoo.pushing import Published


@click.group()
def zoo() -> None:
    """The models of the embedded zoo."""


@zoo.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.argument("namespace", metavar="NAMESPACE")
@click.option("--all", "all_models", is_flag=True, help="All of them.")
@click.option("--tag", metavar="TAG", help="A version for each commit: v1.")
@click.option("--private", is_flag=True, help="Show new repositories to their owner alone.")
@click.option("--dry-run", is_flag=True, help="Print every file; ask nobody, send nothing.")
@options.as_json
def publish(
    names: tuple[str, ...],
    namespace: str,
    all_models: bool,
    tag: str | None,
    private: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Push embedded models to NAMESPACE; the copies have the hashes of the originals."""
    from aezoo.zoo import embedded
    from aezoo.zoo.address import known
    from aezoo.zoo.pushing import plan, refuse_tag

    if all_models == bool(names):
        raise UsageError("say which models, or --all", hint=f"there are {', '.join(embedded.names())}")
    refuse_tag(tag)
    chosen = embedded.names() if all_models else [known(name) for name in names]
    planned = [plan(embedded.folder(name), f"{namespace}/{name}", address=name) for name in chosen]
    if dry_run:
        files = [(one.repo, file) for one in planned for file in one.files]
        if as_json:
            emit([{"repo": repo, **file._asdict()} for repo, file in files])
        else:
            rows = [(repo, file.name, f"{file.size:,}", file.sha256) for repo, file in files]
            table(("repository", "file", "bytes", "sha256"), rows, right="llrl")
        return
    # All are checked before the first is sent.
    published: list[Published] = []
    for name in chosen:
        with _after(published):
            folder, repo = embedded.folder(name), f"{namespace}/{name}"
            published.append(aezoo.push(folder, repo, address=name, tag=tag, private=private))
        if not as_json:
            push.print_published(published[-1], as_json=False)
    if as_json:
        emit([one._asdict() for one in published])


@contextmanager
def _after(published: Sequence[Published]) -> Iterator[None]:
    """Let an error name the models that were published before it."""
    before = f"; published before it: {', '.join(map(str, published))}" if published else ""
    try:
        yield
    except AezooError as error:
        error.message += before
        error.args = (error.message,)
        raise
    except KeyboardInterrupt as error:
        raise Interrupted(f"interrupted{before}") from error
