"""trackio: a run in its own local database, in TRACKIO_DIR or its cache folder."""

from __future__ import annotations

import os
from collections.abc import Mapping

from aezoo.trackers.tracker import TrackedRun


class Trackio:
    """A run of trackio; one that goes on is the same run, found by its name.

    Args:
        run: Of which the records are. The project is that of TRACKIO_PROJECT, or `aezoo`.
    """

    def __init__(self, run: TrackedRun) -> None:
        import trackio

        self._run = trackio.init(
            project=os.environ.get("TRACKIO_PROJECT", "aezoo"),
            name=run.known or run.name,
            config={"spec": run.spec},
            resume="allow" if run.known else "never",
            embed=False,
        )
        self.known = str(self._run.name)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        self._run.log(dict(figures), step=step)

    def flush(self) -> None:
        """A thread of its own sends what it is given."""

    def close(self) -> None:
        self._run.finish()
