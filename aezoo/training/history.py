"""History of a run: its losses as JSON lines in a file, and as a list in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from aezoo.errors import RunFailed
from aezoo.files import atomic_write, sync
from aezoo.storage.writer import Mark


class History:
    """Records of a run.

    A file that can no longer be written to does not end the run: it is `broken`, and `write` makes a whole one.

    Args:
        path: The file that grows by one line a record; None keeps them in memory only.
        earlier: Records that the file holds already, of a run that goes on.

    Attributes:
        listeners: Each is called with every record that is added, and its place among all of them.

    Raises:
        RunFailed: The file cannot be created.
    """

    def __init__(self, path: Path | None = None, earlier: Sequence[dict[str, Any]] = ()) -> None:
        self.records: list[dict[str, Any]] = [*earlier]
        self.listeners: list[Callable[[int, Mapping[str, Any]], None]] = []
        self.path = path
        self._broken = False
        self._bytes, self._digest = 0, sha256()
        for record in earlier:
            self._count(_line(record))
        try:
            self._file = path.open("a" if earlier else "w", encoding="utf-8") if path else None
        except OSError as error:
            raise RunFailed(f"{path} cannot be written: {error.strerror or error}") from error

    def add(self, record: dict[str, Any]) -> None:
        """Append one record; the file gets whole lines only."""
        self.records.append(record)
        if self._file:
            line = _line(record)
            self._count(line)
            if not self._broken:
                self._append(line)
        for listener in self.listeners:
            listener(len(self.records) - 1, record)

    def _append(self, line: str) -> None:
        try:
            assert self._file is not None
            self._file.write(line)
            self._file.flush()
        except OSError:
            self._broken = True

    def _count(self, line: str) -> None:
        data = line.encode()
        self._bytes += len(data)
        self._digest.update(data)

    def mark(self) -> Mark:
        """How far the file has grown, once all of it is on the disk; one that lacks a record is made whole before.

        Raises:
            RunFailed: It cannot be written.
        """
        if self.path is not None:
            if self._broken:
                self.close()
                self.write(self.path)
                self._file, self._broken = self.path.open("a", encoding="utf-8"), False
            sync(self.path)
        return Mark(self._bytes, self._digest.hexdigest())

    def cut(self, count: int) -> None:
        """Forget the records after the first `count`: a run went back to where it had these. Raises `RunFailed`."""
        del self.records[count:]
        self.close()
        self._bytes, self._digest, self._broken = 0, sha256(), False
        for record in self.records:
            self._count(_line(record))
        if self.path is not None:
            self.write(self.path)
            self._file = self.path.open("a", encoding="utf-8")

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
