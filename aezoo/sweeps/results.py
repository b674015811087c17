"""Results of a sweep: a row for each trial, means and spread over seeds, the best, and the files that hold them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.files import atomic_write
from aezoo.reading.text import to_toml
from aezoo.spec.canonical import to_json
from aezoo.storage import layout
from aezoo.storage.comparison import Spread, spread
from aezoo.storage.score_files import numbers
from aezoo.storage.verification import read_facts
from aezoo.sweeps.grid import SEED
from aezoo.sweeps.trials import SWEEP, Trial

TABLE, BEST = "sweep.csv", "best.toml"


class Row(NamedTuple):
    """One trial and how it went.

    Attributes:
        trial: What was trained.
        figures: `validation.TERM` of the weights that were kept, and the metrics of the test split.
        record: Of its training.json.
        failure: Why it did not end well, or empty.
    """

    trial: Trial
    figures: dict[str, float]
    record: dict[str, Any]
    failure: str = ""

    @property
    def chooses(self) -> bool:
        """Whether it may be the best: a trial that was pruned was not trained as long as the others."""
        return self.record.get("ended") != "pruned"


class Group(NamedTuple):
    """The trials that differ in their seeds alone."""

    settings: dict[str, str]
    rows: list[Row]
    figures: dict[str, Spread]


@dataclass(frozen=True)
class Sweep:
    """What a sweep gave.

    Attributes:
        rows: Of each trial.
        by: The figure that the best is chosen by; the lower, the better.
        out: The folder of the sweep.
        stacked: How many trials were trained as one with others.
        remarks: Why trials were not stacked, a line each.
        study: Of a search: its name in the storage.
    """

    rows: list[Row]
    by: str
    out: Path
    stacked: int = 0
    remarks: list[str] = field(default_factory=list)
    study: str = ""

    @property
    def groups(self) -> list[Group]:
        """Trials that differ in their seeds alone, in the order of the grid."""
        found: dict[tuple[tuple[str, str], ...], list[Row]] = {}
        for row in self.rows:
            settings = {path: value for path, value in row.trial.settings.items() if path != SEED}
            found.setdefault(tuple(settings.items()), []).append(row)
        return [Group(dict(settings), rows, _spreads(rows)) for settings, rows in found.items()]

    @property
    def best(self) -> Row | None:
        """The best trial of the group with the lowest mean; None where no trial has the figure."""
        groups = [g for g in self.groups if self.by in g.figures and any(row.chooses for row in g.rows)]
        if not groups:
            return None
        group = min(groups, key=lambda group: group.figures[self.by].mean)
        rows = [row for row in group.rows if self.by in row.figures and row.chooses]
        return min(rows, key=lambda row: row.figures[self.by])

    def document(self) -> dict[str, Any]:
        """As JSON: trials, groups, the best."""
        best = self.best
        return {
            "by": self.by,
            "best": best.trial.name if best else None,
            **({"study": self.study} if self.study else {}),
            "stacked": self.stacked,
            "remarks": self.remarks,
            "groups": [
                {
                    "settings": group.settings,
                    "trials": [row.trial.name for row in group.rows],
                    "figures": {name: spread._asdict() for name, spread in group.figures.items()},
                }
                for group in self.groups
            ],
            "trials": [_described(row) for row in self.rows],
        }

    def write(self) -> None:
        """Write sweep.json, sweep.csv and best.toml. Raises `RunFailed`."""
        atomic_write(self.out / SWEEP, to_json(self.document()) + "\n")
        atomic_write(self.out / TABLE, self._csv())
        if best := self.best:
            atomic_write(self.out / BEST, to_toml(best.trial.spec.document()))

    def _csv(self) -> str:
        settings = dict.fromkeys(path for row in self.rows for path in row.trial.settings)
        figures = dict.fromkeys(name for row in self.rows for name in row.figures)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["trial", *settings, "ended", "steps", "seconds", *figures])
        for row in self.rows:
            values = [row.trial.settings.get(path, "") for path in settings]
            facts = [row.record.get(name, "") for name in ("ended", "steps", "seconds")]
            writer.writerow([row.trial.name, *values, *facts, *(row.figures.get(name, "") for name in figures)])
        return text.getvalue()


def row_of(trial: Trial, failure: str = "") -> Row:
    """What the folder of a trial says of it. Raises `Refused` if it is damaged."""
    record = read_facts(trial.folder, layout.TRAINING) or {}
    metrics = read_facts(trial.folder, layout.METRICS) or {}
    validation = {f"validation.{name}": value for name, value in numbers(record.get("validation")).items()}
    known = {**validation, **numbers(metrics.get("metrics"))}
    facts = {name: value for name, value in record.items() if name != "history"}
    return Row(trial, {name: value for name, value in known.items() if math.isfinite(value)}, facts, failure)


def _spreads(rows: Sequence[Row]) -> dict[str, Spread]:
    names = dict.fromkeys(name for row in rows for name in row.figures)
    return {name: spread([row.figures[name] for row in rows if name in row.figures]) for name in names}


def _described(row: Row) -> dict[str, Any]:
    record: Mapping[str, Any] = row.record
    return {
        "trial": row.trial.name,
        "run": row.trial.spec.run,
        "settings": row.trial.settings,
        **{name: record[name] for name in ("ended", "steps", "best_step", "seconds", "stacked") if name in record},
        "figures": row.figures,
        **({"failure": row.failure} if row.failure else {}),
    }
