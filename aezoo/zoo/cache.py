"""Cache: the models that were pulled, each commit in a folder of its own.

    HOME/models/<hub>/<owner>--<name>/<commit>/       a model, with its lock
                                      refs/<revision>   the commit that it was at the last request
                                      .lock             held by whoever writes here
                                      .stage-<random>/  a pull at work, or what a crash left of one

A folder takes its name by one rename, once it is whole: it is there and right, or not there.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote, unquote, urlsplit

from aezoo.errors import NotFound, Refused, RunFailed
from aezoo.files import atomic_write, cache_folder, sync
from aezoo.storage import lockfile as locks
from aezoo.storage.lockfile import Lock
from aezoo.storage.writer import current

COMMIT = re.compile(r"[0-9a-f]{40}")
STAGE = ".stage-"
#: How often a folder is looked at again that other processes keep replacing.
MOST_LOOKS = 20
#: The folder of what came out of the wheel, instead of a hub's name.
IN_THE_BOX = "embedded"


T = TypeVar("T")


class Kept(NamedTuple):
    """One model of the store.

    Attributes:
        name: `owner/name`, or that of an embedded model.
        commit: Of the repository.
        revisions: Those that were this commit at the last request.
        folder: Where it is.
        lock: Where it came from; None if the lock is damaged.
        pinned: Whether it was pulled by its commit.
    """

    name: str
    commit: str
    revisions: tuple[str, ...]
    folder: Path
    lock: Lock | None
    pinned: bool = False

    @property
    def wanted(self) -> bool:
        """Whether a revision leads here, or it was pulled by its commit or came out of the wheel."""
        embedded = self.lock is not None and not self.lock.endpoint
        first = self.lock is not None and self.lock.revision == self.commit
        return bool(self.revisions) or self.pinned or embedded or first

    @property
    def size(self) -> int:
        """Bytes on the disk; 0 once it is gone."""
        return steady(self.folder, lambda: _size(self.folder)) or 0

    def faults(self) -> list[str] | None:
        """How it differs from what was pulled, in words; None if another process removed it meanwhile."""
        return steady(self.folder, lambda: _faults(self.folder))


class Shelf:
    """The part of the store that belongs to one repository.

    Args:
        folder: In the store.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        """`owner/name`."""
        # From the right: an owner may end in a dash, no name begins with one.
        return "/".join(self.folder.name.rsplit("--", 1))

    def commit(self, commit: str) -> Path:
        """The folder of a commit, which need not be there."""
        return self.folder / commit

    def ref(self, revision: str) -> str | None:
        """The commit that a revision was at the last request."""
        try:
            text = self._ref(revision).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
        return text if COMMIT.fullmatch(text) else None

    def note(self, revision: str, commit: str) -> None:
        """Record that `revision` is `commit`; a commit recorded as itself is pinned. The caller holds the lock."""
        if self.ref(revision) == commit:
            return
        path = self._ref(revision)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path.parent, error) from error
        atomic_write(path, f"{commit}\n")

    def refs(self) -> dict[str, str]:
        """Every tag and branch that was pulled, and its commit."""
        names = [unquote(path.name) for path in sorted((self.folder / "refs").glob("[!.]*"))]
        return {name: commit for name in names if (commit := self.ref(name)) and commit != name}

    def kept(self) -> list[Kept]:
        """The commits that are here."""
        refs = self.refs()
        folders = [self.commit(name) for name in self._names() if COMMIT.fullmatch(name)]
        looks = (steady(folder, lambda folder=folder: self._kept(folder, refs)) for folder in folders)  # type: ignore[misc]
        return [kept for kept in looks if kept is not None]

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.folder))
        except FileNotFoundError:  # another process removed all of it
            return []

    def _kept(self, folder: Path, refs: Mapping[str, str]) -> Kept:
        named = tuple(revision for revision, commit in refs.items() if commit == folder.name)
        pinned = self.ref(folder.name) == folder.name
        return Kept(self.name, folder.name, named, folder, _lock(folder), pinned)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Lock it against other processes; what a crash left behind is removed."""
        from filelock import FileLock

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock")
            lock.acquire()
        except OSError as error:
            raise unwritable(self.folder, error) from error
        try:
            self._sweep()
            yield
        finally:
            lock.release()

    def leavings(self) -> list[Path]:
        """Pulls and notes at work, or what is left of them: nobody is at work while the lock is held."""
        return [*self.folder.glob(f"{STAGE}*"), *self.folder.glob("refs/.*.tmp")]

    def _sweep(self) -> None:
        for left in self.leavings():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                with suppress(OSError):
                    left.unlink()

    @contextmanager
    def staged(self, commit: str) -> Iterator[Path]:
        """A folder to fill, which becomes that of the commit at the end, or goes on an error."""
        stage = self.folder / f"{STAGE}{secrets.token_hex(4)}"
        try:
            stage.mkdir()
            yield stage
            for path in (*(path for path in stage.rglob("*")), stage):
                sync(path)
            target = self.commit(commit)
            if target.exists():  # a damaged one: what is here is whole
                target.rename(self.folder / f"{STAGE}{secrets.token_hex(4)}")
            stage.rename(target)
            sync(self.folder)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        finally:
            self._sweep()

    def remove(self, commit: str, *, unwanted: bool = False) -> bool:
        """Remove a commit, and the revisions that were it.

        The folder of the repository stays, with the file that is locked: another process may be waiting for that.

        Args:
            commit: The one to remove.
            unwanted: Whether it stays if somebody wants it by now.

        Returns:
            Whether it is gone.

        Raises:
            RunFailed: It cannot be written to.
        """
        gone = self.folder / f"{STAGE}{secrets.token_hex(4)}"
        with self.writing():
            if unwanted and any(kept.wanted for kept in self.kept() if kept.commit == commit):
                return False
            try:
                for revision in (commit, *(name for name, known in self.refs().items() if known == commit)):
                    self._ref(revision).unlink(missing_ok=True)
                # Renamed first: what is half removed must not look like a model.
                with suppress(FileNotFoundError):  # another process was faster
                    self.commit(commit).rename(gone)
            except OSError as error:
                raise unwritable(self.folder, error) from error
            shutil.rmtree(gone, ignore_errors=True)
        return True

    def _ref(self, revision: str) -> Path:
        return self.folder / "refs" / quote(revision, safe="")


def shelf(name: str, *, endpoint: str = "") -> Shelf:
    """The part of the store that belongs to a repository or an embedded model.

    Args:
        name: `owner/name`, or the name of an embedded model.
        endpoint: Of the Hub, without a password: repositories of two hubs are not mixed.
    """
    return Shelf(cache_folder() / "models" / _folder_of(endpoint) / name.replace("/", "--"))


def _folder_of(endpoint: str) -> str:
    """The name of a hub's folder: host, port and path, since one host may serve several."""
    parts = urlsplit(endpoint)
    return quote(f"{parts.netloc}{parts.path}".rstrip("/") or endpoint, safe="") or IN_THE_BOX


def public(endpoint: str) -> str:
    """An address without a name and a password in it."""
    parts = urlsplit(endpoint)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def holds(folder: Path) -> bool:
    """Whether a folder is that of a commit in the store: it was pulled, whatever it holds now."""
    try:
        inner = folder.resolve().relative_to((cache_folder() / "models").resolve())
    except (ValueError, OSError, NotFound):
        return False
    return len(inner.parts) == 3 and COMMIT.fullmatch(inner.name) is not None


def local(folder: Path) -> Path:
    """Where the whole model of a folder lies that somebody named; see `aezoo.storage.writer.current`.

    Raises:
        Refused: It was pulled, and has lost its lock.
    """
    if holds(folder) and locks.read(folder) is None:
        locks.verify(folder, needed=True)
    return current(folder)


def shelves() -> list[Shelf]:
    """Every repository in the store; none where there is no home folder to hold one."""
    try:
        cache_folder()
    except NotFound:
        return []
    return [Shelf(folder) for folder in sorted((cache_folder() / "models").glob("*/*")) if folder.is_dir()]


def unwritable(folder: Path, error: OSError) -> RunFailed:
    """The error of a store that cannot be written to."""
    return RunFailed(
        f"{folder} cannot be written to: {error.strerror or error}", hint="AEZOO_HOME names another folder for models"
    )


# --- beside other processes -------------------------------------------------------------------------------


def steady(folder: Path, look: Callable[[], T]) -> T | None:
    """What `look` returns, called again if another process replaced the folder meanwhile; None once it is gone."""
    for _ in range(MOST_LOOKS):
        before = _identity(folder)
        if before is None:
            return None
        try:
            result = look()
        except (OSError, Refused):
            if _identity(folder) == before:
                raise
            continue
        if _identity(folder) == before:
            return result
    return None


def _identity(folder: Path) -> tuple[int, int, int] | None:
    """Which folder stands under a name: a new one may have the number of one that was removed, but not its time."""
    try:
        facts = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (facts.st_dev, facts.st_ino, facts.st_ctime_ns) if stat.S_ISDIR(facts.st_mode) else None


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def _faults(folder: Path) -> list[str]:
    lock = _lock(folder)
    return locks.faults(folder, lock) if lock else ["its lock is damaged"]


def _lock(folder: Path) -> Lock | None:
    try:
        return locks.read(folder)
    except Refused:
        return None
