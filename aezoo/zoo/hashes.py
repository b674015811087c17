"""Hashes of the files of a repository, as the Hub lists them, and whether a local file has them."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1
from mmap import mmap
from pathlib import Path
from typing import NamedTuple

from aezoo.storage.model_files import Content


class Row(NamedTuple):
    """A file of a repository, as the Hub describes it.

    Attributes:
        name: Its path.
        size: Bytes.
        sha256: Of its bytes, where the Hub keeps it beside git; else None.
        blob: Git's name of its bytes, where it is kept in git.
    """

    name: str
    size: int
    sha256: str | None
    blob: str

    def holds(self, path: Path, *, read: Callable[[Path], Content] = Content) -> bool:
        """Whether the file at `path` has these bytes; it is read only if it has the right size."""
        if path.is_symlink() or not path.is_file() or path.stat().st_size != self.size:
            return False
        content = read(path)
        return content.sha256 == self.sha256 if self.sha256 else git_blob(content.data) == self.blob


def git_blob(data: bytes | mmap) -> str:
    """Git's name of the bytes of a file."""
    digest = sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()
