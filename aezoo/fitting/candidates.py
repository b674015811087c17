"""Candidates: proposals trained within a budget of time, those of equal shape as one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from aezoo.errors import Resumable
from aezoo.fitting.proposal import Proposal
from aezoo.fitting.starts import CLOSED
from aezoo.spec.kinds import FileDatasetSpec, SplitDatasetSpec
from aezoo.sweeps.requests import Settings
from aezoo.sweeps.results import Row, Sweep
from aezoo.sweeps.run import train_trials
from aezoo.sweeps.trials import Trial
from aezoo.training.initial_weights import Start
from aezoo.training.progress import Progress
from aezoo.training.run import train

#: The folder of the candidates.
FOLDER = "candidates"
#: Share of the budget that training may take; the rest is for looking at data and for judging.
SHARE = 0.75
#: Steps by which the pace is measured: of L-BFGS, of which one is hundreds of passes, fewer.
MEASURED, OF_LBFGS = 40, 2
#: Samples by which it is measured: of all of them a validation would take as long as the steps.
SOME = 4000
#: Fewer steps than these are no training.
LEAST = 20


class Clock:
    """How much of the budget is left.

    Args:
        minutes: The budget.
    """

    def __init__(self, minutes: float) -> None:
        self.seconds = 60 * minutes
        self.started = time.monotonic()

    @property
    def passed(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.passed >= self.seconds


class Trained(NamedTuple):
    """What came of the candidates.

    Attributes:
        rows: Of each that was trained.
        closed: The folder of each that was not, since its first weights are the optimum, by its name.
        proposals: What each of them was, with the length that it was trained for, by its name.
        left_out: Names of those for which no time was left.
    """

    rows: list[Row]
    closed: dict[str, Path]
    proposals: dict[str, Proposal]
    left_out: list[str]


def shapes(proposals: Sequence[Proposal]) -> Iterator[tuple[str, list[Proposal]]]:
    """Proposals of one network, by its name."""
    for name, group in groupby(proposals, key=lambda each: each.shape):
        yield name, list(group)


def length_of(group: Sequence[Proposal], seconds: float, how: Settings) -> int:
    """How many steps the candidates of a network get: as many as they want, or as the time holds.

    The pace is that of some first steps on some of the samples, on the machine as loaded as it is.

    Args:
        group: Candidates of one network; each is taken to need a time of its own, trained as one or not.
        seconds: For all of them.
        how: What is the same for all of them.
    """
    first = group[0]
    by_lbfgs = first.document["training"]["optimizer"]["type"] == "lbfgs"
    measured = OF_LBFGS if by_lbfgs else MEASURED
    short = first.lasting(measured)
    data = dict(short.document["data"])
    if isinstance(first.spec.data, (FileDatasetSpec, SplitDatasetSpec)):
        data |= {"test": 0.0, "validation": 0.01}  # nothing is evaluated, and little validated
    if isinstance(first.spec.data, FileDatasetSpec) and not by_lbfgs:
        data["limit"] = SOME
    spec = short._replace(document={**short.document, "data": data}).spec
    record = train(spec, how.data, device=how.device, threads=how.threads).record
    affordable = int(seconds / len(group) * measured / max(record["seconds"], 1e-3))
    wanted = int(first.document["training"]["steps"])
    return min(wanted, max(1 if by_lbfgs else LEAST, affordable))


def train_candidates(
    proposals: Sequence[Proposal],
    out: Path,
    clock: Clock,
    how: Settings,
    *,
    steps: dict[str, int],
    decided: Callable[[], None],
    start: Callable[[Proposal], Start | None] = lambda proposal: None,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Trained:
    """Train one network after the other, the linear one first, until the time is over.

    Args:
        proposals: Those of one network beside each other.
        out: The folder of the fit.
        clock: The budget.
        how: What is the same for all of them.
        steps: Of each network, by its name; those that are not known yet are added.
        decided: Called when one was added.
        start: Gives the first weights of a network; None for random ones.
        progress: Is shown the losses.
        tell: Is told of what happens.

    Raises:
        Resumable: By a signal; the same call goes on.
    """
    trials: list[Trial] = []
    rows: dict[str, Row] = {}
    trained: dict[str, Proposal] = {}
    left_out: list[str] = []
    closed: dict[str, Path] = {}
    groups = list(shapes(proposals))
    for position, (name, group) in enumerate(groups):
        if (trials or closed) and clock.over and name not in steps:
            left_out += [each.name for each in group]
            continue
        first = start(group[0])
        if name == CLOSED and first is not None:
            tell(f"{name}: in closed form")
            closed[name], trained[name] = Path(first.source), group[0]
            continue
        if name not in steps:
            # What a network leaves of its share goes to those after it.
            seconds = (SHARE * clock.seconds - clock.passed) / (len(groups) - position)
            steps[name] = length_of(group, seconds, how)
            decided()
        group = [each.lasting(steps[name]) for each in group]
        trials += [
            Trial(each.name, {"candidate": each.name}, each.spec, out / FOLDER / each.name, first) for each in group
        ]
        trained |= {each.name: each for each in group}
        tell(f"{name}: {len(group)} of {steps[name]:,} steps")
        # One that failed would fail again.
        now = [trial for trial in trials if trial.name not in rows or not rows[trial.name].failure]
        try:
            done = train_trials(now, how, out=out / FOLDER, progress=progress, tell=tell)
        except Resumable as error:
            message = f"{error.message}; what is finished is kept in {out}"
            raise Resumable(message, hint="the same command goes on") from error
        rows |= {row.trial.name: row for row in done.rows}
        if len(done.rows) < len(rows):  # the table has those that failed, too
            Sweep([*rows.values()], done.by, done.out).write()
    return Trained([*rows.values()], closed, trained, left_out)
