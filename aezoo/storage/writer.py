"""Writer of a model's folder: one at a time; a model takes the place of another in one step, or not at all.

    FOLDER/.staging-<random>/      what is being written, or what a crash left of it: of no use to anyone
           .aezoo-replacement/     a whole model whose files are being moved into the folder
           .aezoo-checkpoints/     the state of a run that is at work, or was stopped: see `aezoo.storage.checkpoints`
           .aezoo-writer.lock      held by whoever writes here; .aezoo-writer.json beside it says who that is

A model of several files cannot be replaced by one rename. So the new one is written aside, whole, and becomes
`.aezoo-replacement` by one rename: from then on it is the model of the folder, for every reader (`current`). Its files
are then linked into their places, and it goes. A writer that comes after a crash brings that to its end.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from aezoo.errors import Refused, RunFailed
from aezoo.files import atomic_write, sync
from aezoo.names import inert
from aezoo.storage import checkpoints, layout, lockfile
from aezoo.storage.checkpoints import Checkpoints

STAGING, _OURS = layout.WRITERS
REPLACEMENT, LOCK, WRITER = f"{_OURS}replacement", f"{_OURS}writer.lock", f"{_OURS}writer.json"
#: Of a folder that is written to: nothing that its owner put there.
OWN = (REPLACEMENT, LOCK, WRITER)
#: The records of a run.
HISTORY = "metrics.jsonl"
#: The files of a model: those of another model are gone once it is replaced.
OWNED = (layout.CONFIG, layout.WEIGHTS, layout.STATE, layout.METRICS, layout.TRAINING, layout.CARD, lockfile.NAME)
PICTURES = "samples"

Fill = Callable[[Path], None]

#: What to do about a folder that is not empty.
_HINT = "name another --out, or --force replaces it"
_STOPPED = "it holds a run that was stopped: --resume auto goes on, or --force begins anew"
_FINISHED = "it holds a run that is finished: --resume auto with more --epochs goes on, or --force begins anew"


def current(folder: Path) -> Path:
    """Where the whole model of a folder lies: in the folder, or in a replacement that a crash cut short."""
    pending = folder / REPLACEMENT
    return pending if _is_whole(pending) else folder


def holds_model(folder: Path) -> bool:
    """Whether there is a model in a folder, be it whole or damaged."""
    return (current(folder) / layout.CONFIG).is_file()


class Mark(NamedTuple):
    """How far the records of a run had grown: what comes after that in their file is cut off by a run that goes on.

    Attributes:
        length: In bytes.
        sha256: Of these bytes.
    """

    length: int
    sha256: str

    def prefix(self, path: Path) -> bytes | None:
        """These bytes of a file; None where it is not there, or begins otherwise."""
        try:
            with path.open("rb") as file:
                data = file.read(self.length)
        except OSError:
            data = b""
        return data if sha256(data).hexdigest() == self.sha256 else None


class Writer:
    """Writes to a folder.

    Args:
        folder: Of a model; the caller holds its lock.
        replaces: Whether a model was there before.

    Attributes:
        checkpoints: The states of the run that writes here.
    """

    def __init__(self, folder: Path, *, replaces: bool) -> None:
        self.folder = folder
        self.replaces = replaces
        self.checkpoints = Checkpoints(folder)
        self._aside: Path | None = None

    def history(self) -> Path:
        """Where the records of a run go while it works: aside, as long as those of an older model are there."""
        if not self.replaces and not (self.folder / HISTORY).exists():
            return self.folder / HISTORY
        return self._history_aside()

    def earlier_history(self, mark: Mark) -> tuple[Path, bytes]:
        """Where the records of a run that goes on go, cut to those that it had, and these.

        Raises:
            Refused: They are not there.
            RunFailed: They cannot be written.
        """
        for path in (self.checkpoints.folder / HISTORY, self.folder / HISTORY):
            if (records := mark.prefix(path)) is not None:
                break
        else:
            raise Refused(
                f"{self.folder / HISTORY} does not begin with the records of the run that is to go on",
                hint="bring that file back, or begin anew: `aezoo train SPEC --out DIR --force`",
            )
        in_place = path.parent == self.folder and not self.replaces
        target = path if in_place else self._history_aside()
        atomic_write(target, records)
        return target, records

    def _history_aside(self) -> Path:
        with self._errors_named():
            self.checkpoints.folder.mkdir(exist_ok=True)
        self._aside = self.checkpoints.folder
        return self._aside / HISTORY

    def replace(self, fill: Fill) -> None:
        """Put a model in place of the one that is there.

        Args:
            fill: Writes all files of the model into a folder, and looks at what it wrote.

        Raises:
            RunFailed: It cannot be written; what was there is there as it was.
        """
        with self._filled(fill) as stage:
            if self._aside is not None and (self._aside / HISTORY).exists():
                os.replace(self._aside / HISTORY, stage / HISTORY)
            _sync_all(stage)
            os.rename(stage, self.folder / REPLACEMENT)
            sync(self.folder)
            self._settle()

    def add(self, fill: Fill) -> None:
        """Put files beside those of a model that is there; of each name there is the old file or the new one."""
        with self._filled(fill) as stage:
            _sync_all(stage)
            _move(stage, self.folder)

    def _settle(self) -> None:
        try:
            settle(self.folder)
        except OSError as error:
            raise RunFailed(
                f"{self.folder}: the files of the model cannot be moved to their places: {error.strerror or error}",
                hint=f"the model is whole in {REPLACEMENT} and is loaded from there; make room or give permission",
            ) from error

    @contextmanager
    def _filled(self, fill: Fill) -> Iterator[Path]:
        with self._errors_named():
            stage = self._stage()
            try:
                fill(stage)
                yield stage
            except RunFailed as error:  # its user knows the file by its name in the folder
                error.message = error.message.replace(f"{stage}{os.sep}", f"{self.folder}{os.sep}")
                error.args = (error.message,)
                raise
            finally:
                shutil.rmtree(stage, ignore_errors=True)

    def _stage(self) -> Path:
        stage = self.folder / f"{STAGING}{secrets.token_hex(4)}"
        stage.mkdir()
        return stage

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(self.folder, error) from error


@contextmanager
def writing(folder: Path, *, force: bool, resume: bool = False) -> Iterator[Writer]:
    """Hold a folder, made if need be, against other writers.

    Args:
        folder: For a model.
        force: Whether something may be in it.
        resume: Whether a run may be in it that was stopped.

    Raises:
        Refused: Something is in it, or another process writes there.
        RunFailed: It cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder} is a file, not a folder", hint="name another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFailed(f"{folder} cannot be made: {error.strerror or error}", hint="name another --out") from error
    with _locked(folder):
        try:
            settle(folder)
        except OSError as error:
            raise unwritable(folder, error) from error
        stopped = (folder / checkpoints.NAME).is_dir()
        if not force and not (resume and stopped) and any(path.name not in OWN for path in folder.iterdir()):
            hint = (_FINISHED if Checkpoints(folder).finished() else _STOPPED) if stopped else _HINT
            raise Refused(f"{folder} exists and is not empty", hint=hint)
        writer = Writer(folder, replaces=holds_model(folder))
        try:
            yield writer
        finally:
            _sweep(folder)
            writer.checkpoints.sweep()


def settle(folder: Path) -> None:
    """Finish a replacement that was cut short, and remove what else a crash left. The caller holds the lock."""
    pending = folder / REPLACEMENT
    _sweep(folder)
    if not _is_folder(pending):
        return
    if not _is_whole(pending):  # no crash of ours leaves one: of a copy that was cut short, or of somebody else
        shutil.rmtree(pending, ignore_errors=True)
        return
    links = folder / f"{STAGING}{secrets.token_hex(4)}"
    _link_all(pending, links)
    _remove_others(folder, pending)
    _move(links, folder)
    # Renamed first: half of a model must not look like a replacement.
    os.rename(pending, folder / f"{STAGING}{secrets.token_hex(4)}")
    sync(folder)
    _sweep(folder)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir() and not path.is_symlink()
    except (OSError, ValueError):  # a name that no file system takes, which a person may have typed
        return False


def _is_whole(path: Path) -> bool:
    """Whether a folder may take the place of a model: one without spec or weights never does."""
    return _is_folder(path) and all((path / name).is_file() for name in (layout.CONFIG, layout.WEIGHTS))


def unwritable(folder: Path, error: OSError) -> RunFailed:
    """The error of a folder that cannot be written to."""
    return RunFailed(f"{folder} cannot be written to: {error.strerror or error}", hint="name another --out")


# --- who writes --------------------------------------------------------------------------------------------


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Refused(
            f"{folder} is being written to by {_writer(folder)}", hint="wait for its end, or name another --out"
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        _sign(folder)
        yield
    finally:
        for name in (WRITER, LOCK):  # removed while the lock is held: one who waits sees that its file is gone
            with suppress(OSError):
                (folder / name).unlink(missing_ok=True)
        lock.release()


def _sign(folder: Path) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    document = {"pid": os.getpid(), "host": platform.node(), "since": now}
    # It only serves a message: a full disk ends the run where that loses something.
    with suppress(OSError):
        (folder / WRITER).write_text(json.dumps(document) + "\n", encoding="utf-8")


def _writer(folder: Path) -> str:
    """Who holds a folder, in words; the note is written a moment after the lock was taken."""
    for _ in range(20):
        with suppress(OSError, ValueError, KeyError, TypeError):
            note: dict[str, Any] = json.loads((folder / WRITER).read_bytes())
            return inert(f"process {note['pid']} on {note['host']} since {note['since']}")
        time.sleep(0.05)
    return "another process"


# --- files ---------------------------------------------------------------------------------------------------


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)


def _sync_all(stage: Path) -> None:
    for path in (*stage.rglob("*"), stage):
        sync(path)


def _link_all(source: Path, target: Path) -> None:
    """The same tree once more, its files linked; copied, where the file system has no links."""
    target.mkdir()
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir()
            continue
        try:
            os.link(path, copy)
        except OSError:
            shutil.copyfile(path, copy)
            sync(copy)


def _remove_others(folder: Path, new: Path) -> None:
    """Remove what belongs to the model that was here, and has no successor."""
    pictures = (f"{PICTURES}/{path.name}" for path in (folder / PICTURES).glob("*.png"))
    for name in (*OWNED, *pictures):
        if not (new / name).exists():
            (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # of others' files, it stays
        if not (new / PICTURES).exists():
            (folder / PICTURES).rmdir()


def _move(stage: Path, folder: Path) -> None:
    """Move every file of a tree to its place in the folder."""
    paths = sorted(stage.rglob("*"))
    for path in paths:
        target = folder / path.relative_to(stage)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            os.replace(path, target)
    for inner in sorted(path.relative_to(stage) for path in paths if path.is_dir()):
        sync(folder / inner)
    sync(folder)
