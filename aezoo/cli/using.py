"""What the commands at work share: a loaded model, the samples it is given, the file it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

import aezoo
from aezoo.cli import options
from aezoo.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from aezoo.model import Model

    Array = npt.NDArray[np.generic]

source = click.argument("source", metavar="[INPUT]", required=False, type=options.AnyPath)
split = click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Of the spec's own data, where no INPUT is given.",
)


class Given(NamedTuple):
    """Samples and what each is called."""

    values: Array
    names: tuple[str, ...]
    source: str


def samples_for(model: Model, path: Path | None, part: str) -> Given:
    """The samples of a file or folder, or of one split of the model's own data. Raises `DataError`, `NotFound`."""
    from aezoo.data import check, open_samples, split

    spec = model.spec
    samples = open_samples(path, spec, seed=spec.training.seed)
    check(samples, spec)
    rows = range(len(samples))
    if path is None:
        rows = split(samples, spec.data, seed=spec.training.seed)[part]  # type: ignore[assignment]
        if not len(rows):
            raise DataError(f"{samples.source}: has no {part} split", hint="name another --split, or an INPUT")
    values = samples.values if path is not None else samples.values[rows]
    return Given(values, tuple(samples.name(int(row)) for row in rows), samples.source)


def array_of(path: Path) -> Array:
    """The one array in a .npy, .npz or .safetensors file."""
    from aezoo.discovery import default_registry

    part = default_registry().get("dataset", "arrays")
    if path.exists() and path.suffix.lower() not in part.suffixes:
        raise UsageError(f"{path}: takes a file that ends in {', '.join(part.suffixes)}")
    values: Array = part.model_validate({"type": "arrays", "path": str(path)}).load().values
    return values


def load(folder: Path, device: str) -> Model:
    """The model of a folder that `train` wrote."""
    return aezoo.load(folder, device=device)
