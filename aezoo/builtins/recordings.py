"""Samples from recordings: windows of WAV, FLAC and MP3 files."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from aezoo.builtins.recording_files import SUFFIXES, Recording, header, read
from aezoo.plugin import (
    DataError,
    DataWarning,
    Description,
    Field,
    FileDatasetSpec,
    LazyArray,
    Remark,
    Samples,
    Shape,
    Spec,
    rng,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[Any]
    Rows = npt.NDArray[np.int64]

#: Of a window that nobody chose: its length in frames, at most which part of a second it is, and fewer than how many
#: windows are few.
LENGTHS, PART_OF_A_SECOND, FEW = (1024, 512, 256, 128, 64), 15, 1000
#: Bytes of recordings, as floats, that are held; of more, windows are read from their files.
IN_MEMORY = 1 << 30


class RecordingsSpec(FileDatasetSpec):
    """Windows of a recording, or of all recordings in a folder and its sub-folders: WAV, FLAC, MP3 and Ogg.

    A sample [C, L] is `L` frames of a file, by the input's shape; one begins every `hop` frames, and the end of a file
    that fills no window is left out. Values are floats in [-1, 1]: a number of 16 bits divided by 32768. All files have
    one rate and the channels of the input, else they are refused by name; nothing is resampled or mixed.

    Splits are of whole files, so that no window of a training file is evaluated. Of fewer than three files each is cut
    in time: its last windows are the test, those before for validation, and windows that reach over a border are left
    out. With `group = "folder"` they are of whole sub-folders, one for each speaker or machine. The name of a sample is
    its file and first frame; the fields `file` and `start` number the file and that frame.

    WAV of whole numbers is read without any library, all else needs soundfile: pip install 'aezoo[audio]'.

    Example:
        [data]
        type = "recordings"
        path = "machines"
        hop = 512
    """

    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES
    type: Literal["recordings"] = "recordings"
    hop: int | None = Field(None, ge=1, description="frames from one window to the next; by default its length")
    rate: int | None = Field(None, ge=1, description="frames a second of all files; by default that of the first")
    group: Literal["folder"] | None = Field(
        None, description="folder: all recordings of a sub-folder, such as those of a speaker, are in one split"
    )
    on_bad_sample: Literal["refuse", "skip"] = Field(
        "refuse", description="files that cannot be read or hold no window: refuse, or leave them out and say how many"
    )

    @classmethod
    def knows(cls, folder: Path) -> bool:
        from aezoo.builtins.shards import holds, only_folders

        return holds(folder, cls.suffixes) or any(holds(each, cls.suffixes) for each in only_folders(folder)[:1])

    def at(self, path: Path) -> Self:
        # Recordings that are used need not be split.
        return super().at(path).model_copy(update={"group": None})

    def at_training(self, path: Path) -> Self:
        grouped = path.is_dir() and any(each.is_dir() for each in path.iterdir())
        return self.at(path).model_copy(update={"group": self.group if grouped else None})

    def field_names(self) -> frozenset[str]:
        return frozenset({"file", "start"})

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if len(spec.input.shape) != 2:
            yield Remark("recordings give samples [C, L]", hint="write input.shape = [1, 4096], say")
        yield from super().remarks(spec)

    def describe(self, *, label: str | None = None) -> Description:
        from aezoo.builtins.folders import files_under

        folder = self.found()
        headers = []
        for path in [folder] if folder.is_file() else files_under(folder, SUFFIXES):
            with self.reading(path):
                headers.append(header(path))
        if not headers:
            raise DataError(f"{folder}: holds no recordings", hint=f"files are read that end in {' '.join(SUFFIXES)}")
        rate, channels = headers[0].rate, headers[0].channels
        length = next((size for size in LENGTHS if size <= rate / PART_OF_A_SECOND), LENGTHS[-1])
        frames = sum(each.frames for each in headers)
        settings: dict[str, Any] = {}
        reasons: dict[str, str] = {}
        if frames < FEW * length:
            settings["hop"] = max(1, length // 4)
            reasons["hop"] = f"so few windows fill {frames:,} frames that each overlaps with the next by three quarters"
        if short := sum(each.frames < length for each in headers):
            settings["on_bad_sample"] = "skip"
            reasons["on_bad_sample"] = f"{short:,} of {len(headers):,} files are shorter than a window"
        why = f"windows of {length} frames, {1000 * length / rate:.0f} ms at {rate:,} frames a second"
        return Description(settings, reasons, shape=(channels, length), shape_reason=why)

    def load(self, *, shape: Shape | None = None, seed: int = 0) -> Samples:
        import numpy as np

        if shape is None or len(shape) != 2:
            raise DataError(f"{self.path}: windows take their length from a spec", hint="input.shape = [1, 4096], say")
        folder = self.found()
        recordings = self._recordings(folder, shape)
        length, hop = shape[1], self.hop or shape[1]
        starts = [np.arange(0, each.frames - length + 1, hop, dtype=np.int64) for each in recordings]
        files = np.repeat(np.arange(len(recordings)), [len(each) for each in starts])
        first = np.concatenate(starts)
        rows = np.asarray(self.picked(len(files)))
        files, first = files[rows], first[rows]
        values = Windows(recordings, files, first, shape)
        names = WindowNames([_name(each.path, folder) for each in recordings], files, first)
        groups, splits = None, {}
        if self.group is not None:
            groups = _folders([each.path for each in recordings], folder)[files]
        else:
            splits = _splits(files, first, length, len(recordings), self.fractions(), seed)
        rate = recordings[0].rate
        return Samples(
            values, str(folder), names=names, splits=splits, fields={"file": files, "start": first},
            settings={"rate": rate, "hop": hop}, groups=groups,
        )  # fmt: skip

    def _recordings(self, folder: Path, shape: Shape) -> list[Recording]:
        """Those with a window at least, all of one rate and the channels of the input."""
        from aezoo.builtins.folders import files_under

        paths = [folder] if folder.is_file() else files_under(folder, SUFFIXES)
        if not paths:
            raise DataError(f"{folder}: holds no recordings", hint=f"files are read that end in {' '.join(SUFFIXES)}")
        good: list[Recording] = []
        errors: list[DataError] = []
        for path in paths:
            try:
                with self.reading(path):
                    good.append(self._fitting(header(path), good, shape))
            except DataError as error:
                errors.append(error)
        if errors and (self.on_bad_sample == "refuse" or not good):
            raise DataError.several(errors)
        if errors:
            message = f"{folder}: {len(errors):,} of {len(paths):,} files are left out, the first: {errors[0].message}"
            warnings.warn(DataWarning(message), stacklevel=4)
        return good

    def _fitting(self, found: Recording, others: Sequence[Recording], shape: Shape) -> Recording:
        rate = self.rate or (others[0].rate if others else found.rate)
        if found.rate != rate:
            message = f"{found.path}: has {found.rate} frames a second, not {rate}"
            raise DataError(message, hint="resample the files to one rate, or name those of one")
        if found.channels != shape[0]:
            message = f"{found.path}: has {found.channels} channels, the input {shape[0]}"
            raise DataError(message, hint=f"write input.shape = [{found.channels}, {shape[1]}], or mix the channels")
        if found.frames < shape[1]:
            raise DataError(f"{found.path}: has {found.frames:,} frames, fewer than a window of {shape[1]:,}")
        return found


class Windows(LazyArray):
    """Windows of recordings, which are held while they are small together, and else read from their files.

    Args:
        recordings: Of one rate.
        files: Of each window, the number of its recording.
        starts: Of each window, its first frame.
        shape: [C, L].
    """

    def __init__(self, recordings: Sequence[Recording], files: Rows, starts: Rows, shape: Shape) -> None:
        import numpy as np

        super().__init__((len(files), *shape), np.float32)
        self._recordings, self._of, self._starts = recordings, files, starts
        self._states = [_state(each.path) for each in recordings]
        self._held: OrderedDict[int, Array] = OrderedDict()
        self._lock = Lock()
        self._holds = 4 * sum(each.frames * each.channels for each in recordings) <= IN_MEMORY

    def read(self, rows: Rows) -> Array:
        import numpy as np

        result = np.empty((len(rows), *self.shape[1:]), np.float32)
        length = self.shape[2]
        for place, row in enumerate(rows.tolist()):
            number, start = int(self._of[row]), int(self._starts[row])
            if self._holds:
                result[place] = self._whole(number)[:, start : start + length]
            else:
                result[place] = self._frames(number, start, length)
        return result

    @property
    def decodes(self) -> bool:
        return not self._holds

    def files(self) -> Iterator[Path]:
        for each in self._recordings:
            yield each.path

    def state(self) -> Iterator[str]:
        yield from super().state()
        for number, start in zip(self._of.tolist(), self._starts.tolist(), strict=True):
            yield f"{number} {start}"

    def _whole(self, number: int) -> Array:
        with self._lock:
            if number not in self._held:
                self._held[number] = self._frames(number, 0, self._recordings[number].frames)
            return self._held[number]

    def _frames(self, number: int, start: int, count: int) -> Array:
        path = self._recordings[number].path
        with FileDatasetSpec.reading(path):
            if _state(path) != self._states[number]:
                raise DataError(f"{path}: was changed since it was opened", hint="start again with data that stay")
            return read(path, start, count)


class WindowNames(Sequence[str]):
    """The names of windows: the file, and the first frame in it.

    Args:
        names: Of the files.
        files: Of each window, the number of its file.
        starts: Of each window, its first frame.
    """

    def __init__(self, names: Sequence[str], files: Rows, starts: Rows) -> None:
        self._names, self._files, self._starts = names, files, starts

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[place] for place in range(*row.indices(len(self)))]
        return f"{self._names[int(self._files[row])]}:{int(self._starts[row])}"


def _folders(paths: Sequence[Path], folder: Path) -> Rows:
    """The number of the first sub-folder that each recording lies in. Raises `DataError` for one that lies in none."""
    import numpy as np

    names = [path.relative_to(folder).parts[0] if path.parent != folder and path != folder else "" for path in paths]
    if "" in names:
        hint = "put those of one group into a folder, or leave data.group out: splits are of whole files then"
        raise DataError(f"{paths[names.index('')]}: lies in no sub-folder, which says its group", hint=hint)
    places = {name: place for place, name in enumerate(sorted({*names}))}
    return np.array([places[name] for name in names], np.int64)


def _splits(
    files: Rows, starts: Rows, length: int, count: int, shares: tuple[float, float], seed: int
) -> dict[str, Rows]:
    """Rows of each split: of whole files, or of the times of each, where there are fewer than three."""
    import numpy as np

    validation, test = shares
    if count >= 3:
        # Raw bits: numpy promises them for ever, and no permutation.
        order = np.argsort(rng(seed, "split of files").bit_generator.random_raw(count), kind="stable")
        n_test = max(int(count * test + 1e-9), int(test > 0))
        n_other = n_test + max(int(count * validation + 1e-9), int(validation > 0))
        parts = {"test": order[:n_test], "validation": order[n_test:n_other], "train": order[n_other:]}
        return {name: np.flatnonzero(np.isin(files, part)) for name, part in parts.items()}
    found: dict[str, list[Rows]] = {"train": [], "validation": [], "test": []}
    for number in range(count):
        rows = np.flatnonzero(files == number)
        end = int(starts[rows[-1]]) + length if len(rows) else 0
        borders = [0, round(end * (1 - test - validation)), round(end * (1 - test)), end]
        for name, low, high in zip(found, borders, borders[1:], strict=False):
            inside = (starts[rows] >= low) & (starts[rows] + length <= high)
            found[name].append(rows[inside])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _name(path: Path, folder: Path) -> str:
    return path.name if path == folder else str(path.relative_to(folder))


def _state(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read any more: {error.strerror}", hint="put it back") from error
    return stat.st_size, stat.st_mtime_ns
