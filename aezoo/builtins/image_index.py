"""The index of a large folder of images: what their headers say, read once and kept until a file changes.

It is a file in aezoo's cache folder, named after the folder; a file whose size or time changed is looked at again.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aezoo.plugin import NotFound, cache_folder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Facts = npt.NDArray[np.int64]

#: Of each image: its size and time as the system says them, then what was found out; width 0 where nothing was.
BYTES, TIME, WIDTH, HEIGHT, GREY, DECODED = range(6)
#: Whether an image was decoded as a test, and how that went.
UNTESTED, GOOD, BAD = range(3)


class Header(NamedTuple):
    """What the header of an image says, once it is turned upright."""

    width: int
    height: int
    grey: bool


class ImageIndex:
    """The images of a folder, and what is known of each.

    Args:
        folder: Of the images.
        names: Their paths in it.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        import numpy as np

        self.folder = folder
        self.names = names
        self.facts: Facts = np.zeros((len(names), 6), np.int64)
        for row, name in enumerate(names):
            self.facts[row, :2] = stat_of(folder / name)
        self._take_up()

    def fill(self, header: Callable[[Path], Header]) -> None:
        """Read the headers that are not known. Raises what `header` raises."""
        unknown = self._rows(self.facts[:, WIDTH] == 0)
        for row, found in self._each(unknown, header):
            self.facts[row, WIDTH : GREY + 1] = found
        if unknown:
            self._keep()

    def test(self, decodes: Callable[[Path], bool]) -> None:
        """Decode those that never were, and note which cannot be."""
        unknown = self._rows(self.facts[:, DECODED] == UNTESTED)
        for row, good in self._each(unknown, decodes):
            self.facts[row, DECODED] = GOOD if good else BAD
        if unknown:
            self._keep()

    def path(self, row: int) -> Path:
        """Of an image."""
        return self.folder / self.names[row]

    def _rows(self, which: npt.NDArray[np.bool_]) -> list[int]:
        return which.nonzero()[0].tolist()

    def _each(self, rows: list[int], look: Callable[[Path], Any]) -> Iterator[tuple[int, Any]]:
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            try:
                for start in range(0, len(rows), 4096):  # a few at a time, so that the first error ends it
                    some = rows[start : start + 4096]
                    yield from zip(some, pool.map(look, map(self.path, some)), strict=True)
            finally:
                pool.shutdown(cancel_futures=True)

    # --- what is kept ---------------------------------------------------------------------------------------

    def _file(self) -> Path | None:
        try:
            name = sha256(os.fsencode(self.folder.absolute())).hexdigest()[:32]
            return cache_folder() / "indexes" / f"{name}.npz"
        except NotFound:  # nobody's home: nothing is kept
            return None

    def _take_up(self) -> None:
        """Take what is known of files that are as they were; a damaged index knows nothing."""
        import numpy as np

        file = self._file()
        try:
            with np.load(file, allow_pickle=False) as stored:  # type: ignore[arg-type]
                names, facts = bytes(stored["names"]).split(b"\0"), stored["facts"]
            known = dict(zip(names, range(len(facts)), strict=True))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return
        if facts.ndim != 2 or facts.shape[1:] != (6,) or facts.dtype != np.int64:
            return
        for row, name in enumerate(self.names):
            before = known.get(os.fsencode(name))
            if before is not None and (facts[before, :2] == self.facts[row, :2]).all():
                self.facts[row] = facts[before]

    def _keep(self) -> None:
        """Keep the index, where that can be done: it saves time, and nothing else."""
        import numpy as np

        file = self._file()
        if file is None:
            return
        temporary = file.with_name(f"{file.stem}.{os.getpid()}.tmp")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            names = np.frombuffer(b"\0".join(map(os.fsencode, self.names)), np.uint8)
            with temporary.open("wb") as out:
                np.savez(out, names=names, facts=self.facts)
            os.replace(temporary, file)
        except OSError:
            with suppress(OSError):
                temporary.unlink()


def stat_of(path: Path) -> tuple[int, int]:
    """Size and time of a file."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
