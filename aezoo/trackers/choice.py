"""Choice of trackers: by name, from an argument, the environment, or what a run in a folder had before."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from aezoo.errors import UsageError
from aezoo.hints import did_you_mean
from aezoo.trackers.tracker import TrackedRun, Tracker

#: Names, separated by commas, where nothing is asked for; `none` for no tracker.
VARIABLE, NONE = "AEZOO_TRACK", "none"


class Kind(NamedTuple):
    """A kind of tracker.

    Attributes:
        module: That holds its class.
        name: Of the class.
        package: That has to be installed; an extra of aezoo has the name of the tracker.
    """

    module: str
    name: str
    package: str


KINDS = {
    "tensorboard": Kind("aezoo.trackers.tensorboard", "TensorBoard", "tensorboard"),
    "wandb": Kind("aezoo.trackers.wandb", "WandB", "wandb"),
    "mlflow": Kind("aezoo.trackers.mlflow", "MLflow", "mlflow"),
    "trackio": Kind("aezoo.trackers.trackio", "Trackio", "trackio"),
}


def chosen(asked: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """The names of the trackers that are asked for, each once; None where neither caller nor environment says.

    Args:
        asked: One name, several, or None: what AEZOO_TRACK says.

    Raises:
        UsageError: There is no such tracker, or its package is not installed.
    """
    where = "track"
    if asked is None or not len(asked):
        asked, where = os.environ.get(VARIABLE, ""), VARIABLE
    texts = [asked] if isinstance(asked, str) else asked
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    for name in names:
        if name not in (*KINDS, NONE):
            known = ", ".join([*KINDS, NONE])
            message = f"{where}: no tracker is called {name!r}; there are {known}"
            raise UsageError(message, hint=did_you_mean(name, [*KINDS, NONE]))
        if name != NONE and not installed(name):
            raise UsageError(f"{where}: {KINDS[name].package} is not installed", hint=how_to_install(name))
    return tuple(dict.fromkeys(name for name in names if name != NONE)) if names else None


def installed(name: str) -> bool:
    """Whether the package of a tracker is there; it is not imported."""
    spec = find_spec(KINDS[name].package)
    return spec is not None and spec.origin is not None  # a folder of that name, such as wandb leaves, is no package


def how_to_install(name: str) -> str:
    """What to type."""
    return f'pip install "aezoo[{name}]"'


def opener(name: str) -> Callable[[TrackedRun], Tracker]:
    """What makes a tracker; its package is imported when it is called."""
    kind = KINDS[name]

    def opened(run: TrackedRun) -> Tracker:
        made: Tracker = getattr(import_module(kind.module), kind.name)(run)
        return made

    return opened
