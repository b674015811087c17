"""Files: written whole or not at all, and there after a power cut once they are there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aezoo.errors import NotFound, RunFailed


def atomic_write(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    Args:
        path: Its folder has to exist; permissions are those of the file that is there, else they follow the umask.
        data: Text is written as UTF-8.

    Raises:
        NotFound: There is no such folder.
        RunFailed: It cannot be written: no space, no permission.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name in the same folder to write to; it takes the place of `path` at the end, or goes on an error.

    Raises:
        NotFound: There is no such folder.
        RunFailed: It cannot be written.
    """
    path = Path(path)
    # Not derived from the name: a name of the longest length allowed could not grow.
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        # 0o666 leaves permissions to the umask; tempfile's 0o600 would hide a model from its group.
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        mode = (path.stat() if path.is_file() else os.fstat(handle)).st_mode
        os.close(handle)
        try:
            yield temporary
            # A writer may have put a file of its own here: safetensors does, readable by its owner alone.
            temporary.chmod(mode)
            sync(temporary)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync(path.parent)
    except FileNotFoundError as error:
        raise NotFound(f"{path.parent}: no such folder", hint="make it first") from error
    except OSError as error:
        raise RunFailed(f"{path} cannot be written: {error.strerror or error}") from error


def expanded(path: Path) -> Path:
    """The path with `~` replaced. Raises `NotFound` where nobody says what it stands for."""
    try:
        return path.expanduser()
    except RuntimeError:  # neither HOME nor the system's list of users says it
        name = path.parts[0]
        message = f"{path}: nobody says which folder {name} is"
        raise NotFound(message, hint="set HOME; AEZOO_HOME names the folder for models") from None


def is_file(path: Path) -> bool:
    """Whether there is a file at this path, which a person may have typed."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file system takes: too long, or with a zero byte
        return False


def digest_of(path: Path) -> str:
    """The sha256 of a file, as 64 hexadecimal digits."""
    from hashlib import file_digest

    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows opens no folders
        return
    # Windows syncs only what is open for writing.
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cache_folder() -> Path:
    """`AEZOO_HOME`, or `aezoo` in the user's cache folder: `XDG_CACHE_HOME`, or `~/.cache`.

    Raises:
        NotFound: Neither these variables nor HOME are set.
    """
    if folder := os.environ.get("AEZOO_HOME"):
        return expanded(Path(folder))
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else expanded(Path("~")) / ".cache") / "aezoo"
