"""`aezoo pull`: a model of the zoo or of the Hub -> a folder, checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import aezoo
from aezoo.cli import options
from aezoo.cli.output import emit

if TYPE_CHECKING:
    from aezoo.spec.limits import Limits


@click.command()
@options.model
@click.option("--to", type=options.AnyPath, help="A folder to be made, with a copy of the model.")
@options.limits_in_use
@options.offline
@options.as_json
def pull(model: str, to: Path | None, limits: Limits, as_json: bool) -> None:
    """Fetch MODEL, check all of it, keep it, and print its folder.

    MODEL is a model of the zoo (vae-mnist), or owner/name or owner/name@revision of the Hub. Nothing that comes is run,
    unpickled or installed; what does not pass is not kept.
    """
    from aezoo.storage import lockfile
    from aezoo.zoo.address import asked

    folder = aezoo.pull(model, to=to, limits=limits)
    if not as_json:
        click.echo(folder)
        return
    lock = lockfile.read(folder)
    assert lock is not None, "what was pulled has a lock"
    files = {file.name: {"size": file.size, "sha256": file.sha256} for file in lock.files}
    # The lock holds the revision by which the commit was first requested.
    revision = asked(model, lock.revision)
    emit({"folder": folder, **lock._asdict(), "revision": revision, "files": files})
