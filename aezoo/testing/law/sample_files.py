"""Small sample files, for examples of datasets that name a file that does not exist."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aezoo.files import expanded
from aezoo.spec.kinds import FileDatasetSpec

#: Samples in a file.
ROWS = 160


def with_sample_file(dataset: FileDatasetSpec, folder: Path) -> FileDatasetSpec | None:
    """The dataset with a file that exists: its own, or one written to `folder`; None for an unknown format."""
    path = expanded(Path(dataset.path))
    if path.exists():
        return dataset
    make = MAKERS.get(path.suffix)
    if make is None:
        return None
    file = folder / (path.name or "samples")
    make(file, dataset)
    return dataset.model_copy(update={"path": str(file)})


def _arrays(path: Path, dataset: FileDatasetSpec) -> None:
    import numpy as np

    values = np.random.default_rng(0).integers(0, 256, (ROWS, 1, 12, 12), dtype=np.uint8)
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        arrays: dict[str, Any] = {getattr(dataset, "key", None) or "values": values}
        np.savez(path, **arrays)


def _folder(path: Path, dataset: FileDatasetSpec) -> None:
    path.mkdir()
    for i in range(20):
        if ".wav" in dataset.suffixes:
            _recording(path / f"{i}.wav", i)
        else:
            _picture(path / f"{i}.png", i)


def _picture(path: Path, i: int) -> None:
    from PIL import Image

    Image.new("L", (14, 12), i).save(path)


def _recording(path: Path, i: int) -> None:
    """640 frames of a tone, 16 bits each."""
    import wave

    import numpy as np

    tone = (8000 * np.sin(np.arange(640) * (i + 1) / 40)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(tone.tobytes())


def _parquet(path: Path, dataset: FileDatasetSpec) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {"a": [i / 4 for i in range(ROWS)], "b": [i**0.5 for i in range(ROWS)], "c": [-i for i in range(ROWS)]}
    columns[getattr(dataset, "label", None) or "label"] = [i % 2 for i in range(ROWS)]
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def _tar(path: Path, dataset: FileDatasetSpec) -> None:
    import io
    import tarfile

    import numpy as np
    from PIL import Image

    with tarfile.open(path, "w") as file:
        for i in range(30):
            picture = io.BytesIO()
            pixels = np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(picture, "png")
            for ending, content in (("png", picture.getvalue()), ("cls", b"%d" % (i % 2))):
                member = tarfile.TarInfo(f"{i:04}.{ending}")
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))


def _table(path: Path, dataset: FileDatasetSpec) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", getattr(dataset, "label", None) or "label"])
        writer.writerows([i / 4, i**0.5, -i, i % 2] for i in range(ROWS))


MAKERS: dict[str, Callable[[Path, FileDatasetSpec], None]] = {
    ".npz": _arrays,
    ".npy": _arrays,
    "": _folder,
    ".csv": _table,
    ".parquet": _parquet,
    ".tar": _tar,
}
