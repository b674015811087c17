"""Lock file: aezoo.lock.json, where a pulled folder came from and the hash of each of its files. It is written last.

A folder that has one is whole, or is refused: every file of a model in it is the one that was fetched and checked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.errors import Refused
from aezoo.files import atomic_write, digest_of
from aezoo.reading.bounds import MAX_BYTES
from aezoo.spec.canonical import to_json
from aezoo.storage import layout
from aezoo.storage.layout import File

NAME = "aezoo.lock.json"
FORMAT = 1


class Lock(NamedTuple):
    """Where a folder came from.

    Attributes:
        source: `owner/name`, or the name of a model of the embedded zoo.
        revision: What was asked for: a tag, a branch, a commit; of an embedded model, nothing.
        commit: What that was, and is for ever: of the Hub's repository, or of the files' hashes.
        files: Every file, with its size and sha256.
        endpoint: Of the Hub that it came from; empty for the embedded zoo.
        pulled: When, in UTC.
        aezoo: The version that pulled it.
    """

    source: str
    revision: str
    commit: str
    files: tuple[File, ...]
    endpoint: str = ""
    pulled: str = ""
    aezoo: str = ""


def content_id(files: Sequence[File]) -> str:
    """A commit for what no repository holds: forty digits of the sha256 of all names and hashes."""
    named = {file.name: file.sha256 for file in files}
    return sha256(to_json(named, indent=None).encode()).hexdigest()[:40]


def write(folder: Path, lock: Lock) -> None:
    """Write the lock of a folder."""
    document: dict[str, Any] = {
        "lock": FORMAT,
        "source": lock.source,
        "revision": lock.revision,
        "commit": lock.commit,
        "endpoint": lock.endpoint,
        "pulled": lock.pulled,
        "aezoo": lock.aezoo,
        "files": {file.name: {"size": file.size, "sha256": file.sha256} for file in lock.files},
    }
    atomic_write(folder / NAME, _written(document))


def read(folder: Path) -> Lock | None:
    """The lock of a folder, or None if it has none. Raises `Refused` if it is damaged, or no file."""
    path = folder / NAME
    if not os.path.lexists(path):
        return None
    if path.is_symlink() or not path.is_file():
        raise Refused(f"{path} is no regular file: it is not what aezoo wrote", hint=_again(folder))
    with path.open("rb") as file:
        data = file.read(MAX_BYTES)
    try:
        document = json.loads(data)
        document.pop("digest")
        # Byte for byte: what a parser takes for the same is not what was written.
        if data != _written(document).encode() or document["lock"] != FORMAT:
            raise ValueError
        files = tuple(File(name, int(row["size"]), str(row["sha256"])) for name, row in document["files"].items())
        words = {key: str(document[key]) for key in ("source", "revision", "commit", "endpoint", "pulled", "aezoo")}
        return Lock(files=files, **words)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused(f"{path} is damaged: it is not what aezoo wrote", hint=_again(folder)) from None


def faults(folder: Path, lock: Lock, *, digest: Callable[[Path], str] | None = None) -> list[str]:
    """How the files of a folder differ from what its lock says of them, in words.

    Args:
        folder: Of a model.
        lock: Its lock.
        digest: Gives the sha256 of a file; None reads it.
    """
    listed = {file.name: file for file in lock.files}
    faults = [f"{name} is not in the lock" for name in layout.NAMES if name not in listed and (folder / name).exists()]
    for name, file in listed.items():
        path = folder / name
        if name not in layout.NAMES or path.is_symlink() or not path.is_file():
            faults.append(f"{name} is missing")
        elif path.stat().st_size != file.size:
            faults.append(f"{name} has {path.stat().st_size} bytes, not {file.size}")
        elif (digest or digest_of)(path) != file.sha256:
            faults.append(f"the sha256 of {name} is another than the one noted")
    return faults


def verify(folder: Path, *, needed: bool = False, digest: Callable[[Path], str] | None = None) -> Lock | None:
    """Hold a folder to its lock; returns it.

    Args:
        folder: Of a model.
        needed: Whether it must have one: it is known to have been pulled.
        digest: As in `faults`.

    Raises:
        Refused: A file is not as the lock has it, or the lock is no file, or is missing though it is needed.
    """
    lock = read(folder)
    if lock is None and needed:
        raise Refused(f"{folder} was changed since it was pulled: {NAME} is missing", hint=_again(folder))
    wrong = faults(folder, lock, digest=digest) if lock else []
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise Refused(f"{folder} was changed since it was pulled: {wrong[0]}{more}", hint=_again(folder))
    return lock


def _written(document: Mapping[str, Any]) -> str:
    """The text of a lock, with its own digest: a changed byte anywhere in it is found."""
    digest = sha256(to_json(dict(document), indent=None).encode()).hexdigest()
    return to_json({**document, "digest": digest}) + "\n"


def _again(folder: Path) -> str:
    return f"remove {folder} and pull the model again"
