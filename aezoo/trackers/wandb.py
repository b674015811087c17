"""Weights & Biases, without a network: files in the folder of a run, which `wandb sync` sends."""

from __future__ import annotations

import os
from collections.abc import Mapping

from aezoo.trackers.tracker import NOTE, TrackedRun


class WandB:
    """An offline run; one that goes on has its id, and `wandb sync --append` joins the two.

    Args:
        run: Of which the records are. The project is that of WANDB_PROJECT, or `aezoo`.
    """

    def __init__(self, run: TrackedRun) -> None:
        import wandb

        folder = run.folder / NOTE  # it puts links beside its files, which would keep a model from being published
        folder.mkdir(exist_ok=True)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "aezoo"),
            name=run.name,
            id=run.known or None,
            dir=str(folder),
            mode="offline",
            config={"spec": run.spec},
            settings=wandb.Settings(silent=True, console="off"),
        )
        self.known = str(self._run.id)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        self._run.log(dict(figures), step=step)

    def flush(self) -> None:
        """Its own process writes what it is given at once."""

    def close(self) -> None:
        self._run.finish()
