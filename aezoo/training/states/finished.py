"""Finished runs: what a run that ended keeps to go on with, whether anything is left to do, and when it may go on.

The last state is that after the last step, before the losses of its epoch are read: a longer run reads them later. It
goes on to the bits of a run that was as long from its beginning, where no number depends on the length.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aezoo.diagnosis.finding import read_findings
from aezoo.errors import AezooError, Refused, render_path
from aezoo.evaluation.scores import Scores
from aezoo.modules.output_checks import curve
from aezoo.spec.document import Spec
from aezoo.spec.kinds import ScheduleSpec
from aezoo.spec.parts import parts
from aezoo.storage import layout
from aezoo.storage.checkpoints import Checkpoints
from aezoo.storage.config_json import read_manifest
from aezoo.storage.loading import model_of
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.verification import read_facts, verify
from aezoo.storage.writer import current
from aezoo.training.results import Run

#: How a run ends that has done all its steps, or all that its patience allows.
ENDED = ("finished", "patience")
#: Steps at which two curves are compared, at most.
COMPARED = 20_000


def of_length(spec: Spec, epochs: int | None, steps: int | None) -> Spec:
    """The spec with another length of its run; as it is where neither is said."""
    if epochs is None and steps is None:
        return spec
    training = spec.training.model_copy(update={"epochs": epochs, "steps": steps})
    return spec.model_copy(update={"training": training})


def differ_in_length(before: Spec, now: Spec) -> bool:
    """Whether two runs are of one spec, but for their lengths."""
    alike = of_length(now, 1, None).run == of_length(before, 1, None).run
    return alike and before.run != now.run


def finished_run(folder: Path, spec: Spec | None) -> Run | None:
    """The run in a folder, if it is at its end; None where there are steps to do, or something else is there.

    Args:
        folder: Of the run.
        spec: What is asked for; None: what is there.
    """
    kept, record = _kept_spec(folder), _record(folder)
    if kept is None or record.get("ended") not in ENDED:
        return None
    store = Checkpoints(folder)
    if store.folder.is_dir():
        ended = store.finished()
        run = store.run() or {}
        asked = spec.run if spec else (run.get("run") or ended)
        if ended is None or asked != ended:
            return None
    elif spec is not None and spec.run != kept.run and not _ended_by_patience(kept, spec, record):
        return None
    return _opened(folder, record)


def refuse_without_state(folder: Path, spec: Spec) -> None:
    """Raise `Refused` where a run is finished that is to go on, and has kept nothing to go on with."""
    kept, record = _kept_spec(folder), _record(folder)
    if kept is None or Checkpoints(folder).folder.is_dir() or not differ_in_length(kept, spec):
        return
    if record.get("ended") == "finished":
        raise Refused(
            f"{folder} holds this run, finished after {record.get('steps')} steps, without its last state",
            hint="name another --out, or --force begins anew",
        )


def refuse_length(before: Spec, now: Spec, done: int, steps_per_epoch: int, folder: Path) -> None:
    """Refuse another length of a run where numbers depend on it.

    Args:
        before: As it was.
        now: As it is to go on.
        done: Steps that are behind it.
        steps_per_epoch: Of both.
        folder: Of the run.

    Raises:
        Refused: It names each schedule.
    """
    old, new = (spec.training.total_steps(steps_per_epoch) for spec in (before, now))
    if new < done:
        message = f"{folder}: the run is {done:,} steps old, and is to end after {new:,}"
        raise Refused(message, hint="ask for more, or begin anew: `aezoo train SPEC --out DIR --force`")
    if old != new and (changing := list(_changing(now, done, old, new))):
        raise Refused(
            f"{folder}: {'; '.join(changing)}: a run of {new:,} steps is another one than that of {old:,}",
            hint="give schedules a length (`steps`) that is behind the run, or begin anew in another folder",
        )


def _changing(spec: Spec, done: int, old: int, new: int) -> Iterator[str]:
    for path, part in parts(spec):
        if not isinstance(part, ScheduleSpec) or part.constant is not None:
            continue
        value = curve(part)
        name = f"{render_path(path)} ({part.tag()})"
        stride = max(1, done // COMPARED)
        if any(value(step, old) != value(step, new) for step in range(0, done, stride)):
            yield f"{name} depends on the length of the run"
        elif "optimizer" not in path and value(old, old) != value(new, new):
            # Epochs are compared, and models kept, with the numbers that a run ends at.
            yield f"{name} still changes after {old:,} steps"


# --- what is there -----------------------------------------------------------------------------------------


def _kept_spec(folder: Path) -> Spec | None:
    try:
        return read_manifest(current(folder))
    except (AezooError, OSError):
        return None


def _record(folder: Path) -> dict[str, Any]:
    try:
        return read_facts(current(folder), layout.TRAINING) or {}
    except (AezooError, OSError):
        return {}


def _ended_by_patience(kept: Spec, spec: Spec, record: dict[str, Any]) -> bool:
    """Whether a longer run would have ended where this one did."""
    return record.get("ended") == "patience" and differ_in_length(kept, spec) and not _is_shorter(spec, kept)


def _is_shorter(spec: Spec, than: Spec) -> bool:
    """Whether a run ends earlier than another, as far as their specs tell: one in other units may."""
    new, old = spec.training, than.training
    if bool(new.steps) != bool(old.steps):
        return True
    return (new.steps or new.passes) < (old.steps or old.passes)


def _opened(folder: Path, record: dict[str, Any]) -> Run:
    files = current(folder)
    metrics = read_facts(files, layout.METRICS)
    facts = {name: value for name, value in record.items() if name != "history"}
    history = record.get("history", [])
    return Run(
        model_of(verify(ModelFiles(files)), device="cpu"),
        facts,
        _scores(metrics),
        history,
        folder,
        already_finished=True,
    )


def _scores(document: dict[str, Any] | None) -> Scores | None:
    """The scores that a file holds, without examples; what was not finite is left out."""
    if document is None:
        return None
    names = ("dataset", "split", "n", "seed", "versions", "units")
    tables = {name: _numbers(row) for name, row in document["baseline"].items()}
    found = tuple(read_findings(document.get("findings")))
    return Scores(_numbers(document["metrics"]), tables, findings=found, **{name: document[name] for name in names})


def _numbers(table: dict[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in table.items() if value is not None}
