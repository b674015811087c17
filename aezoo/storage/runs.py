"""Runs: what the folders of trained models say of themselves, and in what their specs differ. No weights are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.errors import AezooError
from aezoo.spec.fingerprints import NAMES
from aezoo.storage import layout
from aezoo.storage.score_files import numbers
from aezoo.storage.verification import read_facts

#: Folders within folders that are searched for runs.
DEPTH = 4


class TrainedRun(NamedTuple):
    """The folder of a run.

    Attributes:
        folder: Its path, as it was found.
        settings: The values of its spec, by their paths with dots; defaults are left out.
        metrics: Of its evaluation, by name.
        record: What training.json says: steps, seconds, how it ended.
        fault: Why nothing could be read, or empty.
    """

    folder: Path
    settings: dict[str, Any]
    metrics: dict[str, float]
    record: dict[str, Any]
    fault: str = ""


def runs_in(folder: Path) -> list[TrainedRun]:
    """The runs in a folder and the folders in it, by path; one that links lead to, too, counts once."""
    links_first = sorted(_folders(folder, DEPTH), key=lambda path: path.resolve() == path.absolute())
    return [_read(path) for path in sorted({path.resolve(): path for path in links_first}.values())]


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    """Folders of models, and of runs on the way to one, down to a depth; none within another, and no hidden ones."""
    if (folder / layout.CONFIG).is_file() or (folder / layout.CHECKPOINTS).is_dir():
        yield folder
        return
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    for path in inner if depth else ():
        yield from _folders(path, depth - 1)


def _read(folder: Path) -> TrainedRun:
    try:
        config, metrics, record = (
            read_facts(folder, name) or {} for name in (layout.CONFIG, layout.METRICS, layout.TRAINING)
        )
    except (AezooError, OSError) as error:
        return TrainedRun(folder, {}, {}, {}, str(error))
    if not config:
        config, record = _on_its_way(folder)
    spec = config.get("spec")
    settings = dict(_flat(spec)) if isinstance(spec, Mapping) else {}
    return TrainedRun(folder, settings, numbers(metrics.get("metrics")), record)


def _on_its_way(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a run that has no model yet says of itself, and how many steps its newest state has."""
    from aezoo.storage.checkpoints import Checkpoints  # it loads PyTorch

    store = Checkpoints(folder)
    newest = next(iter(store.positions()), None)
    return store.run() or {}, {"steps": newest.step if newest else 0, "ended": "not yet"}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a document by their paths; lists of plain values are values."""
    if isinstance(value, Mapping):
        entries = [*value.items()]
    elif isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        entries = [*enumerate(value)]
    else:
        yield path, value
        return
    for key, item in entries:
        yield from _flat(item, f"{path}.{key}" if path else str(key))


def differing(runs: Sequence[TrainedRun]) -> list[str]:
    """Paths of the settings that are not the same in all runs, in the order of the specs; names do not count."""
    read = [run for run in runs if not run.fault]
    paths = dict.fromkeys(path for run in read for path in run.settings)
    kept = (path for path in paths if path.partition(".")[0] not in NAMES)
    return [path for path in kept if any(run.settings.get(path) != read[0].settings.get(path) for run in read)]
