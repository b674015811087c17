"""Model files: those of a model's folder, each read once and hashed once, so that what is checked is what is used."""

from __future__ import annotations

import os
from functools import cached_property
from hashlib import sha256
from mmap import ACCESS_COPY, mmap
from pathlib import Path

from aezoo.storage import layout

#: Files up to this size are read into memory. Larger ones are mapped: replacing such a file changes nothing here,
#: overwriting it in place would.
AT_ONCE = 1 << 30


class Content:
    """The bytes of one file, as they were when it was opened.

    Args:
        path: Of the file.
        limit: How many bytes it may have; of a larger file one more is read, so that its size is seen. None: any.

    Attributes:
        data: The bytes.
    """

    def __init__(self, path: Path, limit: int | None = None) -> None:
        with path.open("rb") as file:
            mapped = limit is None and os.fstat(file.fileno()).st_size > AT_ONCE
            self.data: bytes | mmap = (
                mmap(file.fileno(), 0, access=ACCESS_COPY) if mapped else file.read(-1 if limit is None else limit + 1)
            )

    @cached_property
    def sha256(self) -> str:
        """64 hexadecimal digits."""
        return sha256(self.data).hexdigest()


class ModelFiles:
    """The files of one model. None is read before it is needed, and none is read twice.

    Args:
        folder: Of the model.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._contents: dict[str, Content] = {}

    def content(self, name: str) -> Content:
        """What the file of this name holds. Raises `OSError` if it cannot be read."""
        if name not in self._contents:
            self._contents[name] = Content(self.folder / name, layout.MOST.get(name))
        return self._contents[name]

    def digest(self, path: Path) -> str:
        """The sha256 of a file in the folder."""
        return self.content(self._name(path)).sha256

    def read_again(self, path: Path) -> Content:
        """What a file in the folder holds after it was written anew."""
        self._contents.pop(self._name(path), None)
        return self.content(self._name(path))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def moved(self, folder: Path) -> None:
        """Take note that the folder was renamed; what was read stays."""
        self.folder = folder
