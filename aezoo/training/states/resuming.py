"""Resuming: what is noted of a run so that it can go on, and how one that was stopped is found and taken up.

train(spec, out=folder) --Request--> run.json, states
    --find, check_conditions, restore_loop--> train(..., resume="auto")
"""

from __future__ import annotations

import json
import os
import shlex
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch

from aezoo.data.fields import Fields
from aezoo.errors import CheckpointWarning, NotFound, Refused, Resumable, UsageError
from aezoo.files import expanded
from aezoo.names import utf8
from aezoo.reading.reader import check
from aezoo.spec.document import Spec
from aezoo.spec.kinds import DatasetSpec, FileDatasetSpec
from aezoo.spec.limits import DEFAULT_LIMITS, NO_LIMIT
from aezoo.storage.checkpoints import Checkpoint, Checkpoints
from aezoo.storage.writer import Mark, Writer
from aezoo.training.distributed.ranks import Ranks
from aezoo.training.history import History
from aezoo.training.initial_weights import Start
from aezoo.training.loop import Loop
from aezoo.training.states.conditions import changed, spec_changes
from aezoo.training.states.finished import differ_in_length, refuse_length
from aezoo.training.states.state import Unfitting, rebuilt

#: Of a spec that was trained before: how large its model may be was settled then.
_LIMITS = DEFAULT_LIMITS._replace(parameters=NO_LIMIT, activations=NO_LIMIT, modules=NO_LIMIT)


@dataclass(frozen=True)
class Past:
    """What of a run lies behind it when it begins, or goes on.

    Attributes:
        checkpoint: The state that it goes on from; None where it begins.
        steps: Those after which it went on, this time included.
        exact: Whether it always went on under the conditions that it began with.
        start: What it took from the model whose weights it started from; None where it started from random ones.
    """

    checkpoint: Checkpoint | None = None
    steps: tuple[int, ...] = ()
    exact: bool = True
    start: dict[str, Any] | None = None

    @property
    def record(self) -> dict[str, Any]:
        """What the record of the run says of it: nothing, unless it was stopped, or started from a model."""
        resumed = {"resumed": list(self.steps), "exact": self.exact} if self.steps else {}
        return {**resumed, **({"start": self.start} if self.start else {})}


# --- what is noted -----------------------------------------------------------------------------------------


class Request(NamedTuple):
    """A run as it can be asked for again, from any folder.

    Attributes:
        spec: What is trained.
        data: As `train` takes them.
        fields: As `train` takes them.
        device: Where it computes.
        threads: Of the CPU.
        workers: Threads that read ahead, on which nothing depends but the time.
    """

    spec: Spec
    data: Any
    fields: Fields | None
    device: str
    threads: int | None
    workers: int | None = None

    def document(self) -> dict[str, Any]:
        """The same as JSON: of data that are in no file the type, of fields the names."""
        noted = {"spec": self.spec.document(), "data": _data_of(self.spec, self.data)}
        return {**noted, "fields": sorted(self.fields or ()), "device": self.device, "threads": self.threads}


def _data_of(spec: Spec, data: Any) -> dict[str, Any]:
    source = spec.data if data is None else data
    if isinstance(source, (str, PathLike)):
        return _noted_path(source)
    noted: dict[str, Any] = {}
    if isinstance(source, FileDatasetSpec):
        noted = _noted_path(source.path)
        source = source.moved(lambda path: _noted_path(path).get("path", "."))
    if isinstance(source, DatasetSpec):
        return {**noted, "dataset": spec.model_copy(update={"data": source}).document()["data"]}
    return {"python": type(source).__name__}


def _noted_path(path: str | PathLike[str]) -> dict[str, str]:
    """The absolute path; its bytes, where they are no text."""
    absolute = str(expanded(Path(path)).absolute())
    return {"path": absolute} if utf8(absolute) == absolute else {"bytes": os.fsencode(absolute).hex()}


# --- what is found -----------------------------------------------------------------------------------------


def requested(folder: Path, data: Any = None, fields: Fields | None = None) -> Request:
    """The run in a folder, as it was asked for.

    Args:
        folder: Of the run.
        data: In place of those that were noted.
        fields: Those that the run was given.

    Raises:
        NotFound: No run was stopped there.
        UsageError: Its data or fields came from Python.
    """
    store = Checkpoints(folder)
    checkpoint, _ = store.newest()
    run = store.run() or (checkpoint.facts["run"] if checkpoint else None)  # of a longer run no state may speak yet
    if run is None:
        message = f"{folder} holds no run that was stopped"
        raise NotFound(message, hint="a run that ended needs no more steps; `aezoo train SPEC --out DIR` begins one")
    if checkpoint is None and run.get("start"):
        message = f"the run in {folder} starts from {run['start']}, and was stopped before it had kept that"
        raise NotFound(message, hint="the command that began it, with --resume auto, begins it again")
    spec, _ = check(run["spec"], limits=_LIMITS)
    data = _noted_data(spec, run["data"], folder) if data is None else data
    if run["fields"] and not fields:
        names = ", ".join(run["fields"])
        hint = f"aezoo.resume({str(folder)!r}, fields=...) goes on with them"
        raise UsageError(f"the fields {names} of the run in {folder} came from Python, and are in no file", hint=hint)
    return Request(spec, data, fields, run["device"], run["threads"])


def _noted_data(spec: Spec, noted: Mapping[str, Any], folder: Path) -> Any:
    path = os.fsdecode(bytes.fromhex(noted["bytes"])) if "bytes" in noted else noted.get("path")
    if "dataset" in noted:
        dataset = check({**spec.document(), "data": noted["dataset"]}, limits=_LIMITS)[0].data
        return dataset.model_copy(update={"path": path}) if path and dataset else dataset
    if path is not None:
        return Path(path)
    raise UsageError(
        f"the data of the run in {folder} came from Python ({noted['python']}), and are in no file",
        hint=f"aezoo.resume({str(folder)!r}, data) goes on with them, or --data FILE if they are there",
    )


def find(writer: Writer, spec: Spec) -> Checkpoint | None:
    """The state that a run goes on from: the newest that is whole; None where it has none yet.

    Raises:
        Refused: Every state is damaged, or they are those of another spec.
    """
    checkpoint, faults = writer.checkpoints.newest()
    if checkpoint is None and faults:
        raise Refused(
            f"no state can be read: {'; '.join(faults)}", hint="`aezoo train SPEC --out DIR --force` begins anew"
        )
    if checkpoint is None:
        return None
    if faults:
        message = f"{'; '.join(faults)}: the run goes on from step {checkpoint.position.step}, the state before"
        warnings.warn(CheckpointWarning(message), stacklevel=2)
    before, _ = check(checkpoint.facts["run"]["spec"], limits=_LIMITS)
    changes = spec_changes(before, spec)
    if changes and not differ_in_length(before, spec):
        raise Refused(
            f"{writer.folder} holds a run of another spec: {'; '.join(changes)}",
            hint=f"`{command(writer.folder)}` goes on with its own; --force, without --resume, begins anew",
        )
    return checkpoint


def check_length(folder: Path, checkpoint: Checkpoint, spec: Spec, steps_per_epoch: int) -> None:
    """Raise `Refused` if the run was begun with another length, and numbers that are behind it depend on that."""
    before, _ = check(checkpoint.facts["run"]["spec"], limits=_LIMITS)
    refuse_length(before, spec, checkpoint.position.step, steps_per_epoch, folder)


def check_start(folder: Path, noted: Mapping[str, Any] | None, start: Start | None) -> None:
    """Raise `Refused` if a run is to start from other weights than those that are noted of it."""
    noted = noted or {}
    if start is not None and noted.get("sha256") != start.digest:
        before = noted.get("from", "random weights")
        message = f"{folder}: the run started from {before}, not from the weights that {start.source} has now"
        raise Refused(message, hint=f"`{command(folder)}` goes on with it; --force, without --resume, begins anew")


def check_conditions(
    folder: Path, checkpoint: Checkpoint, conditions: Mapping[str, str], *, allow_inexact: bool = False
) -> Past:
    """What lies behind a run that goes on from a state, under the conditions that are now.

    Raises:
        Refused: They are not those that it began with, and that is not allowed.
    """
    facts = checkpoint.facts
    changes = changed(facts["conditions"], conditions)
    if changes and not allow_inexact:
        raise Refused(
            f"{folder}: the run began under other conditions: {'; '.join(changes)}",
            hint="go on where they are the same, or --allow-inexact: then the result is not that of a run in one go",
        )
    # Position 0 is that of a run that was stopped before its first step: it begins from there.
    steps = (*facts["resumed"], checkpoint.position.step) if checkpoint.position.step else ()
    return Past(checkpoint, steps, facts["exact"] and not changes, facts.get("start"))


def history_of(writer: Writer, checkpoint: Checkpoint) -> History:
    """The records of a run, cut to those that a state knows."""
    path, lines = writer.earlier_history(Mark(**checkpoint.facts["history"]))
    return History(path, [json.loads(line) for line in lines.splitlines()])


def restore_loop(loop: Loop, checkpoint: Checkpoint, device: torch.device) -> None:
    """Give a loop its state back. Raises `Refused` if it is not of such a run."""
    try:
        loop.restore(rebuilt(checkpoint.document, checkpoint.tensors, device))
    except (Unfitting, KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        message = f"the state after step {checkpoint.position.step} does not fit the run: {error}"
        raise Refused(message, hint="a part has changed; `aezoo train SPEC --out DIR --force` begins anew") from error


def replicated(checkpoint: Checkpoint | None, ranks: Ranks) -> Checkpoint | None:
    """The state that the first process has read, in every process; None where it has none."""
    tensors = checkpoint.tensors if checkpoint else {}
    forms = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
    known = (checkpoint.position, checkpoint.document, forms, checkpoint.facts) if checkpoint else None
    if (known := ranks.told(known)) is None:
        return None
    position, document, forms, facts = known
    if not ranks.is_first:
        tensors = {name: torch.empty(shape, dtype=dtype) for name, (dtype, shape) in forms.items()}
    ranks.shared([*tensors.values()])
    return Checkpoint(position, document, tensors, facts)


def was_sharded(folder: Path) -> bool:
    """Whether the run in a folder was begun, or last gone on with, by processes that each have a part of it."""
    return bool((Checkpoints(folder).run() or {}).get("shard"))


# --- how it goes on ----------------------------------------------------------------------------------------


def command(folder: Path) -> str:
    """What a shell takes to go on."""
    return f"aezoo resume {shlex.quote(str(folder))}"


def resumable(writer: Writer | None, error: BaseException) -> Resumable | None:
    """The error of a run that was stopped and can go on; None if it cannot.

    Args:
        writer: Of its folder.
        error: What stopped it.
    """
    if writer is None or not writer.checkpoints.positions():
        return None
    message = getattr(error, "message", "interrupted at once")
    stopped = Resumable(message, hint=f"`{command(writer.folder)}` goes on")
    stopped.run = getattr(error, "run", None)
    return stopped
