"""train: a spec and its data -> a Run: trained, evaluated, and saved in a folder if one is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from aezoo.data.fields import Fields
from aezoo.data.sources import restated
from aezoo.errors import UsageError
from aezoo.files import expanded
from aezoo.hardware.processes import several
from aezoo.model import Model
from aezoo.reading.reader import Source, read
from aezoo.registry.attribution import attributed
from aezoo.spec.document import Spec
from aezoo.training.initial_weights import Start
from aezoo.training.pass_size import as_kept
from aezoo.training.progress import Progress
from aezoo.training.results import Run
from aezoo.training.started_run import StartOptions, finish, save_trained, started
from aezoo.training.states.checkpointing import Spacing
from aezoo.training.states.finished import finished_run, of_length, refuse_without_state
from aezoo.training.states.resuming import (
    Request,
    check_start,
    requested,
    was_sharded,
)


@attributed()
def train(
    source: Spec | Source,
    data: Any = None,
    *,
    fields: Fields | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    seed: int | None = None,
    threads: int | None = None,
    workers: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
    start_from: Model | Start | str | Path | None = None,
    resume: Literal["auto"] | None = None,
    allow_inexact: bool = False,
    checkpoint_every: float | None = None,
    checkpoint_steps: int | None = None,
    keep_state: bool = True,
    preview: bool = False,
    track: str | Sequence[str] | None = None,
    shard: bool = False,
) -> Run:
    """Train the model of a spec.

    The weights are in `out`, and can be loaded, before the model is evaluated: they stay, whatever fails then.

    Args:
        source: A spec, or what `read` takes.
        data: Instead of the spec's `data`: a path, an array [N, *input] or a tensor, a torch `Dataset` or `DataLoader`,
            a list of PIL images, a data frame of pandas or polars. The model's spec says so.
        fields: What goes along with the samples, by the names that the spec declares, one value for each or one for
            all, such as `{"label": y}`. They stand in for the fields of the data.
        out: The model's folder, to be made. An existing one is refused unless `force`.
        device: `auto`, `cpu`, `cuda:1` ...
        seed: Instead of the spec's.
        threads: Of the CPU; torch's own number by default. Another number may round differently.
        workers: Threads that read and decode samples ahead; by default as many as help. They change no result.
        force: Whether an existing folder may be written to: a run that ends well replaces the model in it, in one step.
        progress: Is shown the losses while it works.
        start_from: A model whose weights take the place of random ones, or its folder: all tensors of equal name and
            shape, moments of the input too. The record's `start` lists what was taken, what was left, and why.
        resume: "auto": a run of the same spec that was stopped in `out` goes on to the bits that it would have ended
            in; one that is finished goes on where the spec asks for more steps, and is given back as it is where not;
            where there is none, this one begins.
        allow_inexact: Whether it may go on under other conditions (data, versions, device, threads) than it began with.
        checkpoint_every: Seconds between two states that are kept of the run in `out`; by default 30, and so many that
            keeping them takes less than 1 % of the time, at the end of an epoch after 10.
        checkpoint_steps: Steps between two: the states after its multiples, and with `checkpoint_every` others, too.
        keep_state: Whether the last state stays in `out`, so that the run can go on to more epochs.
        preview: Whether `preview.png` in `out` shows reconstructions, renewed at each validation.
        track: Trackers that get the records, too: `tensorboard`, `wandb`, `mlflow`, `trackio`; `none` for none. By
            default what AEZOO_TRACK says. One that fails ends no run.
        shard: Whether, of several processes, each keeps a part of the weights, of their gradients and of what the
            optimizer knows, in place of all of them.

    Raises:
        RunFailed, PluginError: A loss turned not finite, a part failed, or something after the last step did; the
            message says where the weights are, and the error's `run` holds the run so far.
        Interrupted: By Ctrl-C, SIGTERM or SIGUSR1; the best weights so far are in `out`. As `Resumable`, `resume` goes
            on from there.
        DataError, NotFound, Refused, SpecError, UsageError: Before the first step.
    """
    if resume not in (None, "auto") or (resume and out is None):
        raise UsageError(f"resume={resume!r}: it takes 'auto', and a folder: out=...")
    spec = _resolve(source, data, seed)
    if preview and out is None:
        raise UsageError("preview=True: it takes a folder: out=...")
    start = None if start_from is None else Start.of(start_from)
    if resume and out is not None:
        spec = as_kept(spec, Path(out))
        if (finished := finished_run(Path(out), spec)) is not None:
            check_start(Path(out), finished.record.get("start"), start)
            return finished
        refuse_without_state(Path(out), spec)
    spacing = Spacing(checkpoint_every, checkpoint_steps)
    _refuse_shard_alone(shard)
    options = StartOptions(
        resume is not None, force, allow_inexact, spacing, keep_state, start, preview=preview, track=track, shard=shard
    )
    with started(Request(spec, data, fields, device, threads, workers), out, progress, options) as run:
        with run.stop.deferred():  # the first signal ends the loop, and waits until the weights are saved
            trained = save_trained(run, run.ended(run.loop.run()))
        return finish(run, trained)


@attributed()
def resume(
    folder: str | Path,
    data: Any = None,
    *,
    fields: Fields | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    device: str | None = None,
    threads: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    allow_inexact: bool = False,
    checkpoint_every: float | None = None,
    checkpoint_steps: int | None = None,
    keep_state: bool = True,
    preview: bool = False,
    track: str | Sequence[str] | None = None,
    shard: bool | None = None,
) -> Run:
    """Go on with the run that was stopped in a folder, to the bits that it would have ended in.

    A run that is finished is given back as it is, unless it is to be longer.

    Args:
        folder: As `train` was told by `out`.
        data: Those of the run, where no file holds them; by default they are opened where they were.
        fields: Those that the run was given.
        epochs: Instead of the length that the run began with.
        steps: The same in steps.
        device: By default that of the run.
        threads: Of the CPU; by default those of the run.
        workers: As for `train`.
        progress: As for `train`.
        allow_inexact: As for `train`.
        checkpoint_every: As for `train`.
        checkpoint_steps: As for `train`.
        keep_state: As for `train`.
        preview: As for `train`.
        track: As for `train`; by default those of the run.
        shard: As for `train`; by default as the run was, where there are several processes.

    Raises:
        NotFound: No run was stopped there, or its data are gone.
        UsageError: Its data or fields came from Python, and are not given.
        Refused: The conditions are others, every state is damaged, or another process works there.
        RunFailed, PluginError, Interrupted: As for `train`.
    """
    folder = expanded(Path(folder))
    if epochs is not None and steps is not None:
        raise UsageError("epochs and steps both say the length of the run", hint="give one of them")
    longer = epochs is not None or steps is not None
    if not longer and (finished := finished_run(folder, None)) is not None:
        return finished
    asked = requested(folder, data, fields)
    if longer:
        asked = asked._replace(spec=of_length(asked.spec, epochs, steps))
        if (finished := finished_run(folder, asked.spec)) is not None:
            return finished
    asked = asked._replace(device=device or asked.device, threads=threads or asked.threads, workers=workers)
    spacing = Spacing(checkpoint_every, checkpoint_steps)
    _refuse_shard_alone(bool(shard))
    shard = several() and (was_sharded(folder) if shard is None else shard)
    options = StartOptions(True, False, allow_inexact, spacing, keep_state, preview=preview, track=track, shard=shard)
    with started(asked, folder, progress, options) as run:
        with run.stop.deferred():
            trained = save_trained(run, run.ended(run.loop.run()))
        return finish(run, trained)


def _refuse_shard_alone(shard: bool) -> None:
    if shard and not several():
        message = "shard deals weights out to several processes, and there is one"
        raise UsageError(message, hint="torchrun --nproc-per-node N -m aezoo train ... --shard")


def _resolve(source: Spec | Source, data: Any, seed: int | None) -> Spec:
    """The spec of the run: with this seed, and with these data in place of its own."""
    spec = source if isinstance(source, Spec) else read(source)
    if seed is not None:
        spec = read(spec.document(), overrides=[f"training.seed={seed}"])
    return restated(spec, data)
