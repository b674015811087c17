"""`aezoo resume`: go on with a run that was stopped."""

from __future__ import annotations

from pathlib import Path

import click

import aezoo
from aezoo.cli import options
from aezoo.cli.train import let_threads_sleep, progress, report


@click.command()
@click.argument("folder", metavar="DIR", type=options.AnyPath)
@options.data
@options.epochs
@options.steps
@click.option("--device", help="cpu, cuda:0 ...; by default that of the run.")
@options.threads
@options.workers
@options.allow_inexact
@options.checkpoint_every
@options.checkpoint_steps
@options.keep_state
@options.preview
@options.track
@options.shard
@options.as_json
def resume(
    folder: Path,
    data: Path | None,
    epochs: int | None,
    steps: int | None,
    device: str | None,
    threads: int | None,
    workers: int | None,
    allow_inexact: bool,
    checkpoint_every: float | None,
    checkpoint_steps: int | None,
    keep_state: bool,
    preview: bool,
    track: tuple[str, ...],
    shard: bool | None,
    as_json: bool,
) -> None:
    """Go on with the run that was stopped in DIR, to the bits that it would have ended in.

    Spec, device, threads and the place of the data are those of the run. Other conditions are refused, each by name.
    One that is finished is left as it is, unless --epochs or --steps asks for more.
    """
    let_threads_sleep()
    run = aezoo.resume(
        folder,
        data,
        epochs=epochs,
        steps=steps,
        device=device,
        threads=threads,
        workers=workers,
        progress=progress(as_json),
        allow_inexact=allow_inexact,
        checkpoint_every=checkpoint_every,
        checkpoint_steps=checkpoint_steps,
        keep_state=keep_state,
        preview=preview,
        track=track,
        shard=shard,
    )
    report(run, folder, as_json=as_json)
