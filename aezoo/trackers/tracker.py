"""What a tracker is: it takes the records of a run, and keeps them where its package does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

#: In the folder of a run, under a name that is never published: by what each tracker's package knows the run, and how
#: many records it has.
NOTE = ".aezoo-trackers"


class TrackedRun(NamedTuple):
    """A run, as a tracker is told of it.

    Attributes:
        name: Of its folder.
        spec: As TOML.
        folder: Of the run, for what a tracker keeps in files.
        known: By what the tracker's package knows the run, where it goes on; empty where it begins.
    """

    name: str
    spec: str
    folder: Path
    known: str = ""


class Tracker(Protocol):
    """Takes the records of one run; whatever it raises ends it, and nothing else.

    Attributes:
        known: By what its package finds the run again.
    """

    known: str

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Take the figures of a step; steps never go down."""

    def flush(self) -> None:
        """Have all that was taken where a kill does not reach it, as far as the package can."""

    def close(self) -> None:
        """End; the run may go on in another process."""


def figures_of(record: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a record: `train/total`, `validation/kl`, and `epoch`."""
    split = record["split"]
    others = {name: value for name, value in record.items() if name not in ("step", "split")}
    return {name if name == "epoch" else f"{split}/{name}": float(value) for name, value in others.items()}
