"""History of a run: its losses as JSON lines in a file, and as a list in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aezoo.errors import RunFailed
from aezoo.files import atomic_write


class History:
    """Records of a run.

    A file that can no longer be written to does not end the run: it is `broken`, and `write` makes a whole one.

    Args:
        path: The file that grows by one line a record; None keeps them in memory only.

    Raises:
        RunFailed: The file cannot be created.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.records: list[dict[str, Any]] = []
        self.path = path
        self._broken = False
        try:
            self._file = path.open("w", encoding="utf-8") if path else None
        except OSError as error:
            raise RunFailed(f"{path} cannot be written: {error.strerror or error}") from error

    def add(self, record: dict[str, Any]) -> None:
        """Append one record; the file gets whole lines only."""
        self.records.append(record)
        if self._file and not self._broken:
            try:
                self._file.write(_line(record))
                self._file.flush()
            except OSError:
                self._broken = True

    def close(self) -> None:
        """Close the file."""
        if self._file:
            try:
                self._file.close()
            except OSError:
                self._broken = True

    @property
    def broken(self) -> bool:
        """Whether the file lacks a record, which could not be written."""
        return self._broken

    def write(self, path: Path) -> None:
        """Write all records to another file. Raises `RunFailed`."""
        atomic_write(path, "".join(map(_line, self.records)))


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, allow_nan=True) + "\n"
