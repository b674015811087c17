"""Files of given endings under a folder: hidden ones are left out, links are followed, no folder counts twice."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path

from aezoo.plugin import DataError, DataWarning

#: Folders that operating systems and network storages add.
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN"})


def files_under(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files with one of these endings under a folder and its sub-folders, sorted by path.

    Hidden files and folders are left out. Links are followed; a folder that several paths lead to counts once, by a
    path without links if there is one, which also ends loops, and a warning names the others.

    Raises:
        DataError: A link leads nowhere, or a folder cannot be read.
    """
    search = _Search(suffixes)
    search.walk(folder)
    if search.repeated:
        shown = ", ".join(str(path) for path in search.repeated[:3])
        more = f" and {len(search.repeated) - 3} more" if len(search.repeated) > 3 else ""
        message = f"{folder}: links to folders that are counted already are left out: {shown}{more}"
        warnings.warn(DataWarning(message), stacklevel=4)
    return sorted(search.files, key=lambda path: path.relative_to(folder).parts)


class _Search:
    """One walk. Links are followed last, so that a folder is found by a path without links if there is one."""

    def __init__(self, suffixes: Collection[str]) -> None:
        self.suffixes = suffixes
        self.files: list[Path] = []
        self.repeated: list[Path] = []
        self._links: list[Path] = []
        self._seen: set[tuple[int, int]] = set()

    def walk(self, folder: Path) -> None:
        self._enter(folder)
        while self._links:
            self._links.sort(reverse=True)
            self._enter(self._links.pop())

    def _enter(self, folder: Path) -> None:
        waiting = [folder]  # no recursion: folders may be nested deeper than Python's stack
        while waiting:
            path = waiting.pop()
            if (identity := _identity(path)) in self._seen:
                self.repeated.append(path)
                continue
            self._seen.add(identity)
            for entry in _entries(path):
                self._add(path / entry.name, entry, waiting)

    def _add(self, path: Path, entry: os.DirEntry[str], waiting: list[Path]) -> None:
        wanted = path.suffix.lower() in self.suffixes
        if entry.is_symlink() and not path.exists() and (wanted or not path.suffix):
            hint = "restore its target, or remove the link"
            raise DataError(f"{path}: is a link to {os.readlink(path)}, which is not there", hint=hint)
        if entry.is_dir():
            (self._links if entry.is_symlink() else waiting).append(path)
        elif wanted and entry.is_file():
            self.files.append(path)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The entries of a folder that are not hidden, by name."""
    try:
        with os.scandir(folder) as entries:
            yield from sorted((entry for entry in entries if not _is_hidden(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}") from error


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in SYSTEM_FOLDERS


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode: equal for all paths to one folder."""
    status = path.stat()
    return status.st_dev, status.st_ino
