"""TensorBoard: event files in `tensorboard/` of a run's folder."""

from __future__ import annotations

from collections.abc import Mapping

from aezoo.trackers.tracker import TrackedRun

#: In the folder of the run; `tensorboard --logdir runs` finds all of them.
FOLDER = "tensorboard"


class TensorBoard:
    """Event files; a run that goes on adds one to those that are there.

    Args:
        run: Of which they are. Those of another run that it replaces are removed.
    """

    def __init__(self, run: TrackedRun) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = run.folder / FOLDER
        if not run.known:
            for path in folder.glob("events.out.tfevents.*"):
                path.unlink()
        self.known = FOLDER
        self._writer = SummaryWriter(str(folder))
        if not run.known:
            self._writer.add_text("spec", "".join(f"    {line}\n" for line in run.spec.splitlines()))
            self._writer.add_text("name", run.name)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
