"""Trials: the specs of a grid, all checked before any is trained, and what their folders say of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.errors import Fault, Refused, RunFailed, SpecError
from aezoo.reading.reader import Source, check
from aezoo.spec.document import Spec
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.storage import checkpoints, layout
from aezoo.storage.verification import read_facts
from aezoo.sweeps.grid import Point
from aezoo.training.initial_weights import Start

#: Of the sweep, in its folder.
SWEEP = "sweep.json"
#: How a run ends that needs no more steps.
DONE = ("finished", "patience", "pruned")


class Trial(NamedTuple):
    """One run of a sweep.

    Attributes:
        name: Of its folder.
        settings: What varies, as it was written.
        spec: What is trained.
        folder: Where.
        start: The model whose weights it starts from.
    """

    name: str
    settings: dict[str, str]
    spec: Spec
    folder: Path
    start: Start | None = None

    @property
    def finished(self) -> bool:
        """Whether it was trained to its end, and all that follows its last step was done."""
        if (self.folder / checkpoints.NAME).is_dir():
            return False
        record = read_facts(self.folder, layout.TRAINING) or {}
        return record.get("ended") in DONE


def trials_of(
    source: Spec | Source, points: Sequence[Point], out: Path, *, limits: Limits = DEFAULT_LIMITS
) -> tuple[list[Trial], list[Fault]]:
    """The trials of a grid, and the lints of their specs, each once.

    Raises:
        SpecError: With every fault of every spec, each once.
        NotFound, PluginError: As `read`.
    """
    document = source.document() if isinstance(source, Spec) else source
    trials, lints = [], dict[Fault, None]()
    faults: dict[Fault, list[str]] = {}
    failure: SpecError | None = None
    for point in points:
        try:
            spec, found = check(document, overrides=point.overrides, limits=limits)
        except SpecError as error:
            failure = failure or error
            for fault in error.faults:
                faults.setdefault(fault, []).append(point.name)
            continue
        lints |= dict.fromkeys(found)
        trials.append(Trial(point.name, point.settings, spec, out / point.name))
    if failure is not None:
        raise type(failure)(
            [_of_trials(fault, names, len(points)) for fault, names in faults.items()], source=failure.source
        )
    return trials, [*lints]


def _of_trials(fault: Fault, names: Sequence[str], all_of: int) -> Fault:
    """A fault that says in which trials it is, where it is not in all of them."""
    if len(names) == all_of:
        return fault
    others = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return fault._replace(message=f"{fault.message} [{'; '.join(names[:2])}{others}]")


def refuse_others(trials: Sequence[Trial], out: Path) -> None:
    """Refuse a folder that holds trials of other specs under the same names.

    Raises:
        Refused: It does, or its record of the sweep is damaged.
    """
    known = noted(out)
    for trial in trials:
        before = known.get(trial.name)
        if before is not None and before != trial.spec.run:
            raise Refused(
                f"{trial.folder} holds a trial of another spec", hint="name another --out, or --force replaces it"
            )


def forget_others(trials: Sequence[Trial], out: Path) -> None:
    """Remove the states of trials of other specs under the same names: they are to be replaced, not gone on with."""
    try:
        known = noted(out)
    except Refused:  # a damaged record: whatever is there is replaced
        known = dict.fromkeys((trial.name for trial in trials), "")
    for trial in trials:
        if known.get(trial.name, trial.spec.run) != trial.spec.run:
            checkpoints.Checkpoints(trial.folder).clear()


def noted(out: Path) -> dict[str, str]:
    """The fingerprint of each trial that a folder's record of a sweep names."""
    path = out / SWEEP
    if not path.is_file():
        return {}
    try:
        document: Mapping[str, Any] = json.loads(path.read_bytes())
        return {trial["trial"]: trial["run"] for trial in document["trials"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path} is no record of a sweep: {type(error).__name__}", hint="name another --out") from error


def make_folder(out: Path) -> None:
    """Make the folder of a sweep. Raises `RunFailed`, `Refused`."""
    if out.exists() and not out.is_dir():
        raise Refused(f"{out} is a file, not a folder", hint="name another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFailed(f"{out} cannot be made: {error.strerror or error}", hint="name another --out") from error
