"""Data files that a run reads while it works: it refuses to be evaluated on samples that changed meanwhile."""

from __future__ import annotations

from pathlib import Path

from aezoo.errors import DataError
from aezoo.spec.lazy import LazyArray, files_of
from aezoo.spec.samples import Array


class MappedFiles:
    """Data files that are mapped or read again and again, and the state in which they were opened.

    A file that is deleted or replaced (another inode) still reads as before through an open mapping; one that is
    overwritten changes the samples of a running training.

    Args:
        values: Samples, perhaps mapped from files.
    """

    def __init__(self, values: Array | LazyArray) -> None:
        self._before = {path: _state(path) for path in files_of(values)}

    def refuse_changed(self) -> None:
        """Raises `DataError` if a file was overwritten since."""
        for path, before in self._before.items():
            now = _state(path)
            if before is not None and now is not None and now[:2] == before[:2] and now != before:
                raise DataError(f"{path} was changed while the run worked", hint="evaluate the model on data that stay")


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
