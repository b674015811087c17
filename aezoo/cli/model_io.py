"""What commands that use a model share: loading it, reading samples, writing results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import aezoo
from aezoo.cli import options
from aezoo.cli.output import emit
from aezoo.cli.output_files import PICTURE, SHOWN, write_array, write_images, write_picture
from aezoo.errors import DataError
from aezoo.hardware import processes
from aezoo.names import visible

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from aezoo.model import Model
    from aezoo.spec.samples import Samples

    Array = npt.NDArray[np.generic]

#: Samples in a picture that shows each beside its reconstruction.
PAIRS = SHOWN // 4

Command = TypeVar("Command", bound=Callable[..., Any])

source = click.argument("source", metavar="[INPUT]", required=False, type=options.AnyPath)
split = click.option(
    "--split",
    metavar="SPLIT",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="train, validation or test: of the model's own data.",
)
batch_size = click.option(
    "--batch-size",
    type=click.IntRange(1),
    metavar="N",
    help="Samples in one pass, instead of as many as hold 1 GiB at once.",
)


def tiles(command: Command) -> Command:
    """The options `--tile` and `--overlap`."""
    tile = click.option("--tile", type=int, metavar="N", help="Cut large samples into tiles with sides of N positions.")
    overlap = click.option("--overlap", type=int, metavar="N", help="Positions that neighbouring tiles share.")
    return tile(overlap(command))


def together(device: str) -> AbstractContextManager[object]:
    """Within, the processes that torchrun started share the work of a model; one alone does it all."""
    if not processes.several():
        return nullcontext()
    from aezoo.training.distributed.ranks import joined

    return joined(device)


def load(source: str, device: str) -> Model:
    """The model in a folder that `train` wrote, of the zoo, or of the Hub."""
    return aezoo.load(source, device=device)


def samples_for(model: Model, path: Path | None, part: str, settings: Sequence[str] = ()) -> Samples:
    """The samples of a file or folder, or of one split of the model's own data; read as the settings say.

    Raises:
        DataError, NotFound, SpecError, UsageError: They cannot be read, or not so.
    """
    from dataclasses import replace

    from aezoo.data.pulled_paths import refuse_outside
    from aezoo.data.sources import open_samples, source_of
    from aezoo.data.splits import split

    spec = model.spec
    if path is None:
        refuse_outside(spec, pulled=model.pulled)
    resized = path is not None and spec.input.sizes is not None
    samples = open_samples(source_of(path, spec, settings), spec, seed=spec.training.seed, resized=resized)
    if path is not None:
        return samples
    rows = split(samples, spec.data, seed=spec.training.seed)[part]
    if not len(rows):
        raise DataError(f"{samples.source}: has no {part} split", hint="name another --split, or an INPUT")
    # Rows keep their numbers in the whole set as names.
    return replace(samples.take(rows), names=tuple(samples.name(int(row)) for row in rows))


def companions(samples: Samples, model: Model) -> dict[str, Array]:
    """What goes along with the results of samples in a file: their names, the label and the fields of the spec."""
    import numpy as np

    names = {"names": np.array([samples.name(row) for row in range(len(samples))])}
    wanted = [name for name in dict.fromkeys(["label", *model.spec.fields]) if name in samples.fields]
    words = {f"{name}_names": np.array(found) for name in wanted if (found := samples.words(name)) is not None}
    return names | {name: samples.fields[name] for name in wanted} | words


def labels_of(samples: Samples) -> list[int] | list[str] | None:
    """The labels, if there are any, one for each sample: words where the data have words, else whole numbers."""
    if (words := samples.words("label")) is not None:
        return words
    labels = samples.fields.get("label")
    whole = labels is not None and labels.shape == (len(samples),) and labels.dtype.kind in "iu"
    return labels.tolist() if whole and labels is not None else None


def write_samples(out: Path, samples: Array, model: Model, *, originals: Samples | None = None) -> list[str]:
    """Write samples as an array, as one picture, or as a folder of images, by the name of `out`.

    Returns the names of the files in a folder, one for each sample.

    Args:
        out: A path that `claim` accepted.
        samples: [N, *input].
        model: Whose input's range says what is black and white.
        originals: If these are reconstructions: a picture shows both.
    """
    interval = model.spec.target_range
    if not out.suffix:
        names = [originals.name(row) if originals else f"{row:05d}" for row in range(len(samples))]
        return write_images(out, samples, names, interval)
    if out.suffix.lower() == PICTURE:
        write_picture(out, _picture(model, samples[:SHOWN], originals))
    else:
        write_array(out, samples, companions(originals, model) if originals else None)
    return []


def _picture(model: Model, samples: Array, originals: Samples | None) -> Any:
    from aezoo.evaluation.units import drawable
    from aezoo.storage.pictures import comparison, grid

    interval = model.spec.target_range
    if originals is None:
        return grid(drawable(model, samples), range=interval)
    samples = samples[:PAIRS]
    if model.spec.target is not None:  # what was encoded is of another kind
        return grid(drawable(model, samples), range=interval)
    inputs = _scaled(originals.values[: len(samples)], interval)
    return comparison(drawable(model, inputs), drawable(model, samples), range=interval)


def _scaled(values: Array, interval: tuple[float, float] | None) -> Array:
    """uint8 in units of the declared range; floats as they are."""
    if values.dtype != "uint8" or interval is None:
        return values
    low, high = interval
    return values.astype("float32") * ((high - low) / 255) + low


def report_output(
    out: Path, values: Array, what: str, as_json: bool, *, most: int = SHOWN, files: Sequence[str] = ()
) -> None:
    """Say what was written, and where.

    Args:
        out: The file or folder.
        values: All that is written.
        what: What these are, in the plural.
        as_json: Whether as a document.
        most: How many samples a picture of them shows.
        files: The names of the files in a folder, one for each sample.
    """
    shape = [int(side) for side in values.shape]
    if as_json:
        emit({"out": out, "shape": shape, "dtype": str(values.dtype), **({"files": files} if files else {})})
        return
    shown = f"; the picture shows {most}" if out.suffix.lower() == PICTURE and shape[0] > most else ""
    click.echo(f"{visible(str(out))}: {shape[0]:,} {what}, {'x'.join(map(str, shape[1:])) or 'one number'} each{shown}")
