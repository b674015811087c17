"""Data paths of pulled models: their authors may name files inside the working folder only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from aezoo.errors import Refused

if TYPE_CHECKING:
    from aezoo.spec.document import Spec

#: Endings of the keys that name a file or a folder, in any dataset.
KEYS = ("path", "file", "folder", "dir", "directory", "root", "labels")


def refuse_outside(spec: Spec, *, pulled: bool) -> None:
    """Refuse a pulled model whose data are outside of the working folder.

    Data of a model that was trained here are opened wherever they are.

    Raises:
        Refused: A path is absolute, or leads out by `..` or `~`.
    """
    path = reaches_out(spec)
    if pulled and path:
        raise Refused(
            f"{spec.name} was pulled, and its data are {path[:200]!r}: not opened, since its author wrote that",
            hint="name the samples yourself: --data FILE, or the INPUT of a command; data=... from Python",
        )


def reaches_out(spec: Spec) -> str:
    """The first path of a spec's data that leads out of the working folder; empty if there is none."""
    paths = _paths(spec.data.model_dump()) if spec.data is not None else ()
    return next((path for path in paths if leads_out(path)), "")


def leads_out(path: str) -> bool:
    """Whether a path leads out of the working folder, on this system or another."""
    windows = PureWindowsPath(path)
    outside = bool(windows.drive or windows.root) or PurePosixPath(path).is_absolute()
    return outside or path.startswith("~") or ".." in windows.parts or ".." in PurePosixPath(path).parts


def _paths(document: Any, key: str = "") -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield from _paths(value, str(name))
    elif isinstance(document, (list, tuple)):
        for value in document:
            yield from _paths(value, key)
    elif isinstance(document, str) and key.endswith(KEYS):
        yield document
