"""What `aezoo show` prints of a model beside its spec: scores, training, source and licence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aezoo.cli import output
from aezoo.cli.scores_table import in_units, print_findings
from aezoo.errors import NotFound, UsageError
from aezoo.names import inert

if TYPE_CHECKING:
    from aezoo.spec.document import Spec
    from aezoo.storage.lockfile import Lock


#: Scores of a model, and baselines beside it, that are shown at most.
SHOWN = 20


def facts(folder: Path, spec: Spec, source: str) -> dict[str, Any]:
    """Scores, training record, licence and source of the model in a folder."""
    from aezoo.storage import layout, lockfile
    from aezoo.storage.verification import read_facts
    from aezoo.zoo.address import asked

    metrics, record = (read_facts(folder, name) or {} for name in (layout.METRICS, layout.TRAINING))
    lock = lockfile.read(folder)
    kept = ("steps", "seconds", "device", "seed", "aezoo", "torch", "ended")
    return {
        "license": spec.license,
        "source": _source(lock, asked(source, lock.revision)) if lock else None,
        "metrics": metrics,
        "findings": [*_listed(record), *_listed(metrics)],
        "training": {name: record[name] for name in kept if name in record},
    }


def _listed(facts: dict[str, Any]) -> list[Any]:
    findings = facts.get("findings")
    return findings if isinstance(findings, list) else []


def _source(lock: Lock, revision: str) -> dict[str, str]:
    # The lock holds the revision by which the commit was first requested.
    return {"name": lock.source, "revision": revision, "commit": lock.commit}


def print_facts(about: dict[str, Any]) -> None:
    """Print what `facts` gives."""
    click.echo()
    from aezoo.diagnosis.finding import read_findings

    metrics, training, source = about["metrics"], about["training"], about["source"]
    columns = _columns(metrics)
    if columns:
        names = dict.fromkeys(name for values in columns.values() for name in values)
        samples, units = inert(metrics.get("n")), in_units(metrics.get("units"))
        click.echo(f"{inert(metrics.get('dataset'))}, {inert(metrics.get('split'))} split, {samples} samples{units}")
        rows = [(inert(name), *(output.number(values.get(name)) for values in columns.values())) for name in names]
        output.table(("metric", *map(inert, columns)), rows, right="l" + "r" * len(columns))
        click.echo()
    print_findings(read_findings(about["findings"]))
    if training:
        click.echo(", ".join(f"{name} {inert(value)}" for name, value in training.items()))
    if source:
        at = f"@{source['revision']}" if source["revision"] else ""
        click.echo(f"from {inert(source['name'])}{inert(at)}, commit {inert(source['commit'])[:12]}")
    click.echo(f"licence: {inert(about['license']) or 'none is named: ask the author'}")


def print_card(folder: Path | None, source: str) -> None:
    """Print README.md of a model, without what could move a cursor."""
    from aezoo.storage import layout

    if folder is None:
        raise UsageError(f"{source} is a spec: a model has a card", hint="--card is for a model")
    path = folder / layout.CARD
    if not path.is_file():
        raise NotFound(f"{source} has no {layout.CARD}")
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        click.echo(inert(line.expandtabs(), len(line) * 8))


def _columns(metrics: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The model's scores and those of its baselines, from a file that may hold anything."""
    from aezoo.storage.score_files import numbers

    baseline = metrics.get("baseline")
    scores = {"model": metrics.get("metrics"), **(baseline if isinstance(baseline, dict) else {})}
    columns = {name: dict([*numbers(row).items()][:SHOWN]) for name, row in scores.items() if isinstance(row, dict)}
    return dict([*columns.items()][:SHOWN]) if columns.get("model") else {}
