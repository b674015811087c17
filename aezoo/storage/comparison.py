"""Comparison: scores of models side by side; of runs that differ by their seed alone, mean and spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.diagnosis.finding import Finding
from aezoo.diagnosis.seeds import disagreement
from aezoo.errors import NotFound
from aezoo.spec.canonical import to_json
from aezoo.storage import layout
from aezoo.storage.score_files import numbers
from aezoo.storage.verification import read_facts

#: What says on which samples, and in which units, a model was judged.
JUDGED = ("dataset", "split", "n", "units")
#: The figure by which seeds are compared.
BY = "fvu"


class Spread(NamedTuple):
    """A figure over runs.

    Attributes:
        mean: Of the runs that have it.
        deviation: Over them, of a sample; None of one run.
        n: How many have it.
    """

    mean: float
    deviation: float | None
    n: int


class Group(NamedTuple):
    """Runs of one spec, up to its seed.

    Attributes:
        names: Of the models.
        metrics: Each over the runs.
        judged: On which samples, and in which units.
        findings: That seeds disagree.
    """

    names: tuple[str, ...]
    metrics: dict[str, Spread]
    judged: dict[str, Any]
    findings: tuple[Finding, ...]


def compared(folders: Mapping[str, Path]) -> list[Group]:
    """The models in groups, in the order in which they were named.

    Args:
        folders: Of each model, by its name.

    Raises:
        NotFound: One of them has no scores.
        Refused: A file is none that aezoo wrote.
    """
    groups: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for name, folder in folders.items():
        metrics = read_facts(folder, layout.METRICS)
        if metrics is None:
            raise NotFound(f"{name}: holds no {layout.METRICS}", hint="models are scored where `data.test` is not 0")
        judged = {key: metrics.get(key) for key in JUDGED}
        key = to_json({"spec": _without_seed(read_facts(folder, layout.CONFIG) or {}), "judged": judged})
        groups.setdefault(key, []).append((name, metrics))
    return [_group(members) for members in groups.values()]


def _without_seed(config: Mapping[str, Any]) -> dict[str, Any]:
    """The spec without what runs of one kind differ in: names, and the seed."""
    spec = config.get("spec")
    spec = dict(spec) if isinstance(spec, Mapping) else {}
    training = spec.get("training")
    training = {key: value for key, value in training.items() if key != "seed"} if isinstance(training, dict) else {}
    return {**{key: value for key, value in spec.items() if key not in ("name", "description")}, "training": training}


def _group(members: Sequence[tuple[str, dict[str, Any]]]) -> Group:
    tables = [numbers(metrics.get("metrics")) for _, metrics in members]
    names = dict.fromkeys(name for table in tables for name in table)
    spreads = {name: spread([table[name] for table in tables if name in table]) for name in names}
    found = disagreement(BY, [table[BY] for table in tables if BY in table])
    judged = {key: members[0][1].get(key) for key in JUDGED}
    return Group(tuple(name for name, _ in members), spreads, judged, (found,) if found else ())


def spread(values: Sequence[float]) -> Spread:
    """Mean and deviation of some values, divided by N - 1."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return Spread(mean, None, len(values))
    return Spread(mean, sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1)), len(values))
