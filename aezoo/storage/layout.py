"""Layout: the files that a model's folder may hold on the Hub, by name. No other is ever pushed or fetched."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from aezoo.errors import Refused
from aezoo.files import digest_of
from aezoo.reading.bounds import MAX_BYTES
from aezoo.spec.amounts import size as spelled

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
METRICS, TRAINING = "metrics.json", "training.json"
#: What only training needs, written beside a model and never published: see `aezoo.storage.training_tensors`.
STATE = "training.safetensors"
#: The folder of a run's states inside its own: it is never published.
CHECKPOINTS = ".aezoo-checkpoints"
#: The pictures in `samples/`, in the order in which a card shows them.
PICTURES = ("reconstructions", "samples", "interpolations")
SAMPLES = tuple(f"samples/{name}.png" for name in PICTURES)
#: Every file, in the order in which it is fetched: what may refuse the rest comes first.
NAMES = (CONFIG, METRICS, TRAINING, CARD, WEIGHTS, *SAMPLES)
NEEDED = (CONFIG, WEIGHTS)
#: Bytes of each, at most. How many the weights may have, the spec says.
MOST = {CONFIG: MAX_BYTES, METRICS: MAX_BYTES, TRAINING: 64 << 20, CARD: 1 << 20, **dict.fromkeys(SAMPLES, 8 << 20)}
#: Weights take at most so many bytes a parameter, and so many for what is no parameter: averages, codebooks.
PER_PARAMETER, BESIDE = 16, 256 << 20

#: How names in a folder begin that belong to a writer at work, or are what a crash left of one: of no model.
WRITERS = (".staging-", ".aezoo-")

#: How files end that are, or may be, pickled.
PICKLES = frozenset((".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".dill"))


class File(NamedTuple):
    """One file of a folder."""

    name: str
    size: int
    sha256: str


class Survey(NamedTuple):
    """What a folder holds.

    Attributes:
        files: Those of a model.
        left: Names of others, which stay where they are.
    """

    files: list[File]
    left: list[str]


def survey(folder: Path, *, digest: Callable[[Path], str] = digest_of) -> Survey:
    """The files of a model's folder, each with its size and sha256.

    Args:
        folder: Of the model.
        digest: Gives the sha256 of a file.

    Raises:
        Refused: It holds what must never be published: a symbolic link, a hidden file, a pickle, one that is too
            large.
    """
    files, left = [], []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith(WRITERS):
            continue
        kind = path.lstat().st_mode
        _refuse(folder, name, kind)
        if stat.S_ISDIR(kind):
            continue
        if name in NAMES:
            refuse_size(f"{folder / name}", name, path.lstat().st_size)
            files.append(File(name, path.lstat().st_size, digest(path)))
        else:
            left.append(name)
    return Survey(sorted(files, key=lambda file: NAMES.index(file.name)), left)


def _refuse(folder: Path, name: str, kind: int) -> None:
    why = ""
    if stat.S_ISLNK(kind):
        why = "is a symbolic link: what it leads to would be published"
    elif not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        why = "is no regular file"
    elif any(part.startswith(".") for part in name.split("/")):
        why = "is hidden: such files hold secrets more often than models"
    elif Path(name).suffix.lower() in PICKLES:
        why = "may hold pickled code; models are published as safetensors"
    if why:
        raise Refused(f"{folder / name} {why}", hint="take it out of the folder; nothing was published")


def refuse_size(where: str, name: str, size: int) -> None:
    """Refuse a file that is larger than one of this name may be. Raises `Refused`."""
    if size > MOST.get(name, size):
        message = f"{where} has {spelled(size)}, {name} has {spelled(MOST[name])} at most"
        raise Refused(message, hint="it is no file that aezoo wrote")


def refuse_bulk(where: str, size: int, parameters: int) -> None:
    """Refuse weights that are larger than those of such a model can be. Raises `Refused`."""
    most = PER_PARAMETER * parameters + BESIDE
    if size > most:
        message = f"a model of {parameters:,} parameters takes {spelled(most)} at most, not {spelled(size)}"
        raise Refused(f"{where} is refused: {message}", hint="the weights belong to another spec")
