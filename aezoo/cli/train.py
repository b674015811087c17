"""`aezoo train`: from a spec to a folder with weights, metrics and a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

import aezoo
from aezoo.cli import options
from aezoo.cli.output import emit
from aezoo.cli.scores_table import print_scores
from aezoo.errors import UsageError
from aezoo.hardware.processes import is_first
from aezoo.names import visible

if TYPE_CHECKING:
    from aezoo.spec.document import Spec
    from aezoo.spec.kinds import DatasetSpec
    from aezoo.spec.limits import Limits
    from aezoo.training.initial_weights import Start
    from aezoo.training.progress import Progress
    from aezoo.training.results import Run


@click.command()
@click.argument("source", metavar="SPEC")
@click.option("--out", type=options.AnyPath, help="The model's folder; runs/NAME by default.")
@options.data
@options.epochs
@options.steps
@options.seed
@options.device
@options.threads
@options.workers
@options.overrides
@options.limits
@options.force
@click.option("--from", "model", metavar="MODEL", help="Start from a model's weights: all tensors that fit.")
@click.option("--resume", type=click.Choice(["auto"]), help="Go on with a run that was stopped in the folder.")
@options.allow_inexact
@options.checkpoint_every
@options.checkpoint_steps
@options.keep_state
@options.preview
@options.track
@options.shard
@options.as_json
def train(
    source: str,
    out: Path | None,
    data: Path | None,
    epochs: int | None,
    steps: int | None,
    seed: int | None,
    device: str,
    threads: int | None,
    workers: int | None,
    overrides: tuple[str, ...],
    limits: Limits,
    force: bool,
    model: str | None,
    resume: Literal["auto"] | None,
    allow_inexact: bool,
    checkpoint_every: float | None,
    checkpoint_steps: int | None,
    keep_state: bool,
    preview: bool,
    track: tuple[str, ...],
    shard: bool | None,
    as_json: bool,
) -> None:
    """Train the model of SPEC and keep weights, metrics and pictures in a folder.

    Ctrl-C, SIGTERM and SIGUSR1 stop it after the step in progress: exit code 75, and the command that goes on.
    """
    let_threads_sleep()
    spec, samples = _spec_and_data(source, data, overrides, limits)
    spec = with_length(spec, epochs, steps)
    folder = out or Path("runs") / spec.name
    run = aezoo.train(
        spec,
        samples,
        out=folder,
        device=device,
        seed=seed,
        threads=threads,
        workers=workers,
        force=force,
        progress=progress(as_json),
        start_from=_start(model) if model else None,
        resume=resume,
        allow_inexact=allow_inexact,
        checkpoint_every=checkpoint_every,
        checkpoint_steps=checkpoint_steps,
        keep_state=keep_state,
        preview=preview,
        track=track,
        shard=bool(shard),
    )
    report(run, folder, as_json=as_json)


def let_threads_sleep() -> None:
    """To be called before torch is loaded, which reads it: idle threads sleep.

    Spinning is faster on an idle machine and many times slower on one where anything else runs.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def report(run: Run, folder: Path, *, as_json: bool) -> None:
    """Say how a run ended, and where its files are; of several processes of one run, in the first."""
    if not is_first():
        return
    pictures = sorted((folder / "samples").glob("*.png"))
    if as_json:
        scores = run.scores.as_dict() if run.scores else None
        document = {"name": run.model.spec.name, "out": folder, "scores": scores, "record": run.record}
        emit({**document, "pictures": pictures, **({"already_finished": True} if run.already_finished else {})})
        return
    if run.already_finished:
        click.echo(f"{visible(str(folder))}: the run was at its end before: nothing to do", err=True)
    if start := run.record.get("start"):
        from aezoo.training.initial_weights import summary

        click.echo(visible(summary(start)), err=True)
    click.echo(_summary(run.record), err=True)
    if run.scores:
        print_scores(run.scores)
    for picture in pictures:
        click.echo(f"picture: {picture}")
    click.echo(f"model: {folder}")


def _spec_and_data(
    source: str, data: Path | None, overrides: Sequence[str], limits: Limits
) -> tuple[Spec, Path | DatasetSpec | None]:
    """The spec, and what `--data` names: what `--set` says of data, it says of those."""
    from aezoo.data.sources import restated, source_of

    if data is None:
        return aezoo.read(source, overrides=overrides, limits=limits), None
    settings = [override for override in overrides if options.about_data(override)]
    others = [override for override in overrides if override not in settings]
    spec = aezoo.read(source, overrides=others, limits=limits)
    samples = source_of(data, spec, settings, trained=True)
    # What the flags say of the model, they say of these data.
    return restated(spec, samples, kept=[override.partition("=")[0].strip() for override in others]), samples


def _start(source: str) -> Start:
    from aezoo.training.initial_weights import Start

    return Start(aezoo.load(source, device="cpu"), source)


def with_length(spec: Spec, epochs: int | None, steps: int | None) -> Spec:
    """The spec with another length of its run."""
    if epochs is not None and steps is not None:
        raise UsageError("--epochs and --steps both say the length of the run", hint="give one of them")
    from aezoo.training.states.finished import of_length

    return of_length(spec, epochs, steps)


def progress(quiet: bool) -> Progress:
    """What shows the losses: a bar or lines, or nothing."""
    from aezoo.training.progress import Silent, Terminal

    return Silent() if quiet or os.environ.get("AEZOO_PROGRESS") == "0" else Terminal()


def _summary(record: dict[str, Any]) -> str:
    where = f"on {record['device']} ({record['device_why']})"
    return f"{record['steps']:,} steps in {record['seconds']:.1f} s {where}; {record['ended']}"
