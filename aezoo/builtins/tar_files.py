"""Shards of WebDataset: the members of plain tar files, found once and read where they lie."""

from __future__ import annotations

import os
import tarfile
import warnings
import zipfile
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aezoo.plugin import DataError, DataWarning, LazyArray, NotFound, Shape, cache_folder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Rows = npt.NDArray[np.int64]
    Decode = Callable[[bytes, Path], npt.NDArray[np.uint8]]

#: Columns of an index: number of the sample, number of the ending, first byte and bytes of a member.
SAMPLE, ENDING, START, BYTES = range(4)


class TarIndex(NamedTuple):
    """The members of a shard: those that share a name up to its first dot are one sample.

    Attributes:
        path: Of the shard.
        state: Its size and time when it was indexed.
        keys: Names of the samples, in their order.
        endings: Of members, without the dot, in small letters.
        members: [M, 4], by the columns above.
    """

    path: Path
    state: tuple[int, int]
    keys: list[str]
    endings: list[str]
    members: Rows

    def of(self, ending: str) -> Rows:
        """First byte and bytes of each sample's member of this ending: [N, 2]; -1 where it has none."""
        import numpy as np

        found = np.full((len(self.keys), 2), -1, np.int64)
        if ending in self.endings:
            rows = self.members[self.members[:, ENDING] == self.endings.index(ending)]
            found[rows[:, SAMPLE]] = rows[:, START:]
        return found


def index_of(path: Path) -> TarIndex:
    """The members of a shard, from the cache folder of aezoo if it knows the file as it is.

    Raises:
        DataError: It is compressed, cut short, or has two members of one name.
    """
    stat = path.stat()
    state = stat.st_size, stat.st_mtime_ns
    if (known := _kept(path, state)) is not None:
        return known
    keys: dict[str, int] = {}
    endings: dict[str, int] = {}
    numbers = array("q")
    for member in _members(path):
        folder, _, name = member.name.rpartition("/")
        stem, _, ending = name.partition(".")
        if not member.isreg() or not ending or not stem:  # a folder, a link, or hidden
            continue
        if member.issparse():
            raise DataError(f"{path}: {member.name!r} is stored with holes", hint="write it without --sparse")
        if member.offset_data + member.size > state[0]:
            raise DataError(f"{path}: damaged: {member.name!r} reaches beyond its end", hint="it was cut short")
        key = f"{folder}/{stem}".lstrip("./") if folder else stem
        sample, kind = keys.setdefault(key, len(keys)), endings.setdefault(ending.lower(), len(endings))
        numbers.extend((sample, kind, member.offset_data, member.size))
    found = TarIndex(path, state, [*keys], [*endings], _table(numbers))
    _refuse_twice(found)
    _keep(found)
    return found


def _members(path: Path) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(path, "r:") as file:
            yield from file
            end = file.offset
    except tarfile.ReadError as error:
        hint = "decompress it first: samples of a compressed file cannot be read by themselves"
        raise DataError(f"{path}: is no plain tar file: {error}", hint=hint) from error
    _look_at_end(path, end)


def _look_at_end(path: Path, end: int) -> None:
    """A tar file is closed by empty blocks: else it was cut, within a header or perhaps between two members."""
    with path.open("rb") as file:
        file.seek(end)
        last = file.read(tarfile.BLOCKSIZE)
    if last.strip(b"\0"):
        raise DataError(f"{path}: damaged: it ends within a member", hint="it was cut short")
    if not last:
        message = f"{path}: has no empty block at its end, as tar files have"
        warnings.warn(DataWarning(message, "if it was cut short, samples are missing: get it again"), stacklevel=4)


def _table(numbers: array[int]) -> Rows:
    import numpy as np

    return np.frombuffer(numbers, np.int64).reshape(-1, 4).copy() if numbers else np.zeros((0, 4), np.int64)


def _refuse_twice(index: TarIndex) -> None:
    import numpy as np

    names = index.members[:, SAMPLE] * max(1, len(index.endings)) + index.members[:, ENDING]
    _, first, counts = np.unique(names, return_index=True, return_counts=True)
    if (counts > 1).any():
        sample, ending = index.members[first[counts > 1][0], [SAMPLE, ENDING]].tolist()
        raise DataError(f"{index.path}: holds {index.keys[sample]}.{index.endings[ending]} more than once")


# --- what is kept -------------------------------------------------------------------------------------------


def _file(path: Path) -> Path | None:
    try:
        name = sha256(b"tar\0" + os.fsencode(path.absolute())).hexdigest()[:32]
        return cache_folder() / "indexes" / f"{name}.npz"
    except NotFound:  # nobody's home: nothing is kept
        return None


def _kept(path: Path, state: tuple[int, int]) -> TarIndex | None:
    """The index of a file that is as it was; None if there is none, or it is damaged."""
    import numpy as np

    try:
        with np.load(_file(path), allow_pickle=False) as stored:  # type: ignore[arg-type]
            names, endings = (bytes(stored[name]).decode(errors="surrogateescape") for name in ("keys", "endings"))
            members, before = stored["members"], tuple(stored["state"].tolist())
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    if before != state or members.ndim != 2 or members.shape[1] != 4 or members.dtype != np.int64:
        return None
    return TarIndex(path, state, names.split("\0") if names else [], endings.split("\0") if endings else [], members)


def _keep(index: TarIndex) -> None:
    """Keep the index, where that can be done: it saves time, and nothing else."""
    import numpy as np

    file = _file(index.path)
    if file is None:
        return
    temporary = file.with_name(f"{file.stem}.{os.getpid()}.tmp")
    texts = {
        name: np.frombuffer("\0".join(words).encode(errors="surrogateescape"), np.uint8)
        for name, words in (("keys", index.keys), ("endings", index.endings))
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as out:
            np.savez(out, **texts, members=index.members, state=np.array(index.state, np.int64))  # type: ignore[arg-type]
        os.replace(temporary, file)
    except OSError:
        with suppress(OSError):
            temporary.unlink()


# --- what is read -------------------------------------------------------------------------------------------


class Members:
    """One member of each of some samples: those of one ending.

    Args:
        indexes: Of the shards.
        ending: Of the members.
        shards: Of each sample, the number of its shard; None for all samples of all shards.
        samples: Of each, its number there.
    """

    def __init__(
        self, indexes: Sequence[TarIndex], ending: str, shards: Rows | None = None, samples: Rows | None = None
    ) -> None:
        import numpy as np

        counts = [len(index.keys) for index in indexes]
        self.indexes, self.ending = indexes, ending
        self.shards = np.repeat(np.arange(len(indexes)), counts) if shards is None else shards
        self.samples = np.concatenate([np.arange(count) for count in counts]) if samples is None else samples
        starts = np.cumsum([0, *counts])
        self.places = np.concatenate([index.of(ending) for index in indexes])[starts[self.shards] + self.samples]

    def __len__(self) -> int:
        return len(self.shards)

    def take(self, rows: Any) -> Members:
        """Those of some of the samples."""
        return Members(self.indexes, self.ending, self.shards[rows], self.samples[rows])

    def others(self, ending: str) -> Members:
        """The members of another ending, of the same samples."""
        return Members(self.indexes, ending, self.shards, self.samples)

    def key(self, row: int) -> str:
        """How a sample is called in its shard."""
        return self.indexes[int(self.shards[row])].keys[int(self.samples[row])]

    def name(self, row: int) -> Path:
        """How messages call a member."""
        return self.indexes[int(self.shards[row])].path / f"{self.key(row)}.{self.ending}"

    def read(self, row: int) -> bytes:
        """The bytes of one, in any thread. Raises `DataError` where it is not there, or its shard is another now."""
        index, (start, count) = self.indexes[int(self.shards[row])], self.places[row].tolist()
        if start < 0:
            raise DataError(f"{self.name(row)}: is not there, as for other samples", hint="give it to each sample")
        try:
            with index.path.open("rb") as file:
                stat = os.fstat(file.fileno())
                if (stat.st_size, stat.st_mtime_ns) != index.state:
                    hint = "start again with data that stay"
                    raise DataError(f"{index.path}: was changed since it was indexed", hint=hint)
                file.seek(start)
                return file.read(count)
        except OSError as error:
            raise DataError(f"{index.path}: cannot be read any more: {error.strerror}", hint="put it back") from error


class TarRows(LazyArray):
    """The images of shards as samples [N, C, H, W] of uint8, decoded when they are asked for.

    Args:
        members: The images.
        shape: [C, H, W].
        decode: Gives the pixels of an image, in any thread.
        settings: What else its pixels depend on.
    """

    def __init__(self, members: Members, shape: Shape, decode: Decode, settings: str) -> None:
        import numpy as np

        super().__init__((len(members), *shape), np.uint8)
        self._members, self._decode, self._settings = members, decode, settings

    def read(self, rows: Rows) -> npt.NDArray[Any]:
        import numpy as np

        result = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for place, row in enumerate(rows.tolist()):
            result[place] = self._decode(self._members.read(row), self._members.name(row))
        return result

    @property
    def decodes(self) -> bool:
        return True

    def files(self) -> Iterator[Path]:
        for index in self._members.indexes:
            yield index.path

    def state(self) -> Iterator[str]:
        yield self._settings
        yield from super().state()
        yield sha256(self._members.shards.tobytes() + self._members.places.tobytes()).hexdigest()
