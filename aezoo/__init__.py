"""aezoo: declare an autoencoder in a file, train it, judge it, keep it, publish it.

The public verbs, each fetched on first use, so that `import aezoo` answers at once and imports neither PyTorch
nor pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aezoo import errors as errors
    from aezoo.building.builder import build
    from aezoo.evaluation.scores import Scores, evaluate
    from aezoo.fitting.results import Fit
    from aezoo.fitting.run import fit
    from aezoo.model import Model
    from aezoo.reading.reader import read
    from aezoo.spec.document import Spec
    from aezoo.storage.saving import save
    from aezoo.sweeps.results import Sweep
    from aezoo.sweeps.run import sweep
    from aezoo.training.results import Run
    from aezoo.training.run import resume, train
    from aezoo.zoo.loading import load
    from aezoo.zoo.pulling import pull
    from aezoo.zoo.pushing import push

    __version__: str

#: Every public name and the module that it is fetched from.
_HOMES = {
    "Fit": "aezoo.fitting.results",
    "Model": "aezoo.model",
    "Run": "aezoo.training.results",
    "Scores": "aezoo.evaluation.scores",
    "Spec": "aezoo.spec.document",
    "Sweep": "aezoo.sweeps.results",
    "build": "aezoo.building.builder",
    "evaluate": "aezoo.evaluation.scores",
    "fit": "aezoo.fitting.run",
    "load": "aezoo.zoo.loading",
    "pull": "aezoo.zoo.pulling",
    "push": "aezoo.zoo.pushing",
    "read": "aezoo.reading.reader",
    "resume": "aezoo.training.run",
    "save": "aezoo.storage.saving",
    "sweep": "aezoo.sweeps.run",
    "train": "aezoo.training.run",
}

__all__ = [
    "Fit",
    "Model",
    "Run",
    "Scores",
    "Spec",
    "Sweep",
    "__version__",
    "build",
    "errors",
    "evaluate",
    "fit",
    "load",
    "pull",
    "push",
    "read",
    "resume",
    "save",
    "sweep",
    "train",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("aezoo")
    elif name == "errors":
        value = import_module("aezoo.errors")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
