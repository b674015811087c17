"""Candidates: proposals trained within a budget of time, those of equal shape as one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.errors import Resumable
from aezoo.fitting.proposal import Proposal
from aezoo.spec.kinds import SplitDatasetSpec
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
        left_out: Names of those for which no time was left.
    """

    rows: list[Row]
    left_out: list[str]


def shapes(proposals: Sequence[Proposal]) -> Iterator[tuple[str, list[Proposal]]]:
    """Proposals of one network, by its name."""
    for name, group in groupby(proposals, key=lambda each: each.shape):
        yield name, list(group)


def lengths(proposals: Sequence[Proposal], clock: Clock, how: Settings) -> dict[str, int]:
    """How many steps each network gets: as many as it wants, or as its share of the budget holds.

    The pace is that of some first steps of its own, with what validation they bring, on the machine as loaded as it is.
    """
    groups = list(shapes(proposals))
    share = SHARE * clock.seconds / len(groups)
    return {name: min(_wanted(group[0]), _affordable(group, share, how)) for name, group in groups}


def _wanted(proposal: Proposal) -> int:
    return int(proposal.document["training"]["steps"])


def _affordable(group: Sequence[Proposal], seconds: float, how: Settings) -> int:
    """Steps for which the time is enough, if each candidate of the group takes its own."""
    first = group[0]
    measured = OF_LBFGS if first.document["training"]["optimizer"]["type"] == "lbfgs" else MEASURED
    short = first.lasting(measured)
    data = dict(short.document["data"])
    if isinstance(first.spec.data, SplitDatasetSpec):
        data["test"] = 0.0  # nothing is evaluated
    spec = short._replace(document={**short.document, "data": data}).spec
    record = train(spec, how.data, device=how.device, threads=how.threads).record
    return max(
        LEAST if measured == MEASURED else 1, int(seconds / len(group) * measured / max(record["seconds"], 1e-3))
    )


def train_candidates(
    proposals: Sequence[Proposal],
    out: Path,
    clock: Clock,
    how: Settings,
    *,
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
        start: Gives the first weights of a network; None for random ones.
        progress: Is shown the losses.
        tell: Is told of what happens.

    Raises:
        Resumable: By a signal; the same call goes on.
    """
    trials: list[Trial] = []
    left_out: list[str] = []
    done: Sweep | None = None
    for name, group in shapes(proposals):
        new = [Trial(each.name, {"candidate": each.name}, each.spec, out / FOLDER / each.name) for each in group]
        if trials and clock.over and not all(trial.finished for trial in new):
            left_out += [trial.name for trial in new]
            continue
        first = start(group[0])
        new = [trial._replace(start=first) for trial in new]
        tell(f"{name}: {len(group)} of {group[0].spec.training.steps:,} steps")
        trials += new
        try:
            done = train_trials(trials, how, out=out / FOLDER, progress=progress, tell=tell)
        except Resumable as error:
            raise Resumable(
                f"{error.message}; what is finished is kept in {out}", hint="the same command goes on"
            ) from error
    return Trained(done.rows if done else [], left_out)


def facts_of(row: Row) -> dict[str, Any]:
    """What a report says of a candidate."""
    names = ("steps", "best_step", "seconds", "ended", "parameters")
    return {name: row.record[name] for name in names if name in row.record}
