"""pull: what a person calls a model -> its folder, whole and checked.

    address ──resolve──> commit ──rows──> sizes ──config.json──> spec ──the rest──> hashes ──examine──> lock ──rename
              1 request          1 request         checked first         hashed

Nothing of it is kept, opened by torch or given a name in the store before all of it has passed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from aezoo.errors import AezooError, HubError, NotFound, Refused, RunFailed, SpecError, UsageError
from aezoo.spec.amounts import size as spelled
from aezoo.spec.limits import LIMITS_IN_USE, Limits
from aezoo.storage import config_json, layout
from aezoo.storage import lockfile as locks
from aezoo.storage.layout import File
from aezoo.storage.lockfile import Lock
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.verification import Verified, examine, verify, verify_alone
from aezoo.zoo import embedded
from aezoo.zoo.address import Embedded, Local, Remote, address, is_there
from aezoo.zoo.cache import STAGE, Shelf, local, public, shelf, steady, unwritable
from aezoo.zoo.client import ONLINE, Hub, endpoint, offline
from aezoo.zoo.hashes import Row


class PullWarning(UserWarning):
    """A pull that went well, and that its user may want to know of."""


_ANOTHER = "`aezoo list --remote` names models of aezoo"


def pull(source: str, *, to: str | PathLike[str] | None = None, limits: Limits = LIMITS_IN_USE) -> Path:
    """Fetch a model, check it, and keep it.

    A commit that is here already is not fetched again; another revision costs one request. With `AEZOO_OFFLINE=1`
    the network is not touched, and a revision is the commit that it was at the last request.

    Args:
        source: `vae-mnist`, a model of the embedded zoo; `owner/name` or `owner/name@revision` of the Hub.
        to: A folder to be made, with a copy of the model.
        limits: How large the model may be.

    Returns:
        The model's folder, with `aezoo.lock.json`: in the store (`AEZOO_HOME`), or `to`.

    Raises:
        NotFound: No such model, or no such revision.
        HubError: Network, authentication or the Hub itself.
        Refused: What came is not what the Hub lists, or is no model that can be trusted.
        SpecError, PluginError: Its spec cannot be read here; nothing was kept.
        RunFailed: It cannot be kept: no space, no permission.
    """
    wanted = address(source)
    if isinstance(wanted, Local):
        if not is_there(source):
            raise NotFound(f"{source[:200]}: no such model", hint="vae-mnist, or owner/name@revision of the Hub")
        raise UsageError(f"{source} is a folder, not a name", hint=f"it can be used as it is; or hub:{source}")
    target = None if to is None else _free(Path(to))
    folder = _unpacked(wanted.name) if isinstance(wanted, Embedded) else _pulled(wanted, limits).folder
    if limits != LIMITS_IN_USE:  # what is here may have been pulled within others
        config_json.read_manifest(folder, limits=limits)
    return folder if target is None else _copied(folder, target)


def verified(source: str | PathLike[str], *, limits: Limits = LIMITS_IN_USE) -> Verified:
    """A model, wherever it is (as it stands, out of the wheel, or pulled), checked, with the bytes that were checked.

    Args:
        source: As `pull` takes it, or a folder or weight file.
        limits: How large the model may be.

    Raises:
        NotFound, HubError, Refused, SpecError, PluginError, RunFailed: As `pull` does.
    """
    wanted = address(source)
    if isinstance(wanted, Local):
        return _verified_folder(source, wanted, limits)
    if isinstance(wanted, Embedded):
        return verify(ModelFiles(embedded.folder(wanted.name)), needs_lock=True, limits=limits)
    pulled = _pulled(wanted, limits)
    return pulled.verified or verify(pulled.files, needs_lock=True, limits=limits)


def _verified_folder(source: str | PathLike[str], wanted: Local, limits: Limits) -> Verified:
    """A model that was named by its path. One that replaces it meanwhile is read from the start."""
    while True:
        path = _existing(source, wanted)
        before = _state(path)
        try:
            if path.is_file():
                return verify_alone(path, limits=limits)
            return verify(ModelFiles(path), needs_lock=embedded.holds(path), limits=limits)
        except (AezooError, OSError):
            if _state(_existing(source, wanted)) == before:
                raise


def _existing(source: str | PathLike[str], wanted: Local) -> Path:
    if not is_there(str(wanted.path)):
        raise NotFound(f"{str(source)[:200]}: no such folder", hint="name a folder that 'aezoo train' wrote")
    return local(wanted.path)


def _state(path: Path) -> tuple[object, ...]:
    """Which files a model is read from: others, once another model replaced it."""
    states: list[tuple[int, ...]] = []
    for file in (path / layout.CONFIG, path / layout.WEIGHTS):
        try:
            facts = file.stat()
            states.append((facts.st_ino, facts.st_mtime_ns, facts.st_size))
        except OSError:
            states.append(())
    return path, *states


@contextmanager
def preview(source: str | PathLike[str], *, limits: Limits = LIMITS_IN_USE) -> Iterator[Path]:
    """A folder with all of a model but its weights, for as long as it is looked at. Raises as `pull` does."""
    wanted = address(source)
    if not isinstance(wanted, Remote):
        yield _existing(source, wanted) if isinstance(wanted, Local) else embedded.folder(wanted.name)
        return
    if (files := _stored(wanted)) is not None:
        yield files.folder
        return
    hub = _hub(wanted)
    pinned = wanted.at(_resolved(hub, wanted))
    if (files := _stored(pinned)) is not None:
        yield files.folder
        return
    with TemporaryDirectory(prefix="aezoo-") as stage:
        for row in _listed(hub, pinned, (layout.CONFIG, layout.METRICS, layout.TRAINING, layout.CARD)):
            _fetch(hub, pinned, row, ModelFiles(Path(stage)))
        with _relocated_errors(Path(stage), pinned):
            yield Path(stage)


# --- out of the wheel -----------------------------------------------------------------------------------


def _unpacked(name: str) -> Path:
    source = embedded.folder(name)
    lock = locks.verify(source)
    if lock is None:
        raise Refused(f"{source} has no {locks.NAME}", hint="install aezoo again")
    repository = shelf(name)
    folder = repository.commit(lock.commit)
    if _intact(folder, warn=True):  # in a store that can only be read, too
        return folder
    with repository.writing():
        if not _intact(folder):  # another process may have been faster
            with repository.staged(lock.commit) as stage:
                _copy(source, stage, lock)
    return folder


# --- from the Hub ---------------------------------------------------------------------------------------


class _Pulled(NamedTuple):
    """A model in the store.

    Attributes:
        files: Of its folder, held to its lock before they are used.
        verified: If it was fetched just now.
    """

    files: ModelFiles
    verified: Verified | None = None

    @property
    def folder(self) -> Path:
        return self.files.folder


def _stored(wanted: Remote) -> ModelFiles | None:
    """The files of a revision, if the store has them and no request is needed to know that."""
    repository = _shelf(wanted)
    commit = wanted.revision if wanted.pinned else repository.ref(wanted.revision) if offline() else None
    folder = repository.commit(commit) if commit else None
    if folder is None or not folder.is_dir():
        return None
    if offline():  # a damaged one cannot be fetched again
        return _locked(folder)
    return _intact(folder, warn=True)


def _hub(wanted: Remote) -> Hub:
    """The Hub, unless the network is switched off."""
    if offline():
        raise HubError(f"{wanted} is not in the store, and the network is switched off", hint=_offline_hint(wanted))
    return Hub()


def _resolved(hub: Hub, wanted: Remote) -> str:
    """The commit of a revision: one request, none for a commit."""
    if wanted.pinned:
        return wanted.revision
    try:
        return hub.resolve(wanted)
    except HubError as error:
        if _shelf(wanted).ref(wanted.revision):
            offline_hint = "--offline, or AEZOO_OFFLINE=1, takes the commit that it was at the last request"
            error.hint = f"{error.hint}; {offline_hint}" if error.hint else offline_hint
        raise


def _pulled(wanted: Remote, limits: Limits) -> _Pulled:
    repository, files = _shelf(wanted), _stored(wanted)
    if files is not None and (not wanted.pinned or _recorded(repository, wanted, wanted.revision)):
        return _Pulled(files)
    hub = _hub(wanted)
    commit = _resolved(hub, wanted)
    folder = repository.commit(commit)
    files = None if wanted.pinned else _intact(folder, warn=True)
    if files is not None and _recorded(repository, wanted, commit):
        return _Pulled(files)
    with repository.writing():
        files = _intact(folder)  # another process may have been faster
        pulled = _Pulled(files) if files else _fetched(repository, hub, wanted, commit, limits)
        repository.note(wanted.revision, commit)
    return pulled


def _fetched(repository: Shelf, hub: Hub, wanted: Remote, commit: str, limits: Limits) -> _Pulled:
    folder = repository.commit(commit)
    with repository.staged(commit) as stage:
        verified = _fill(stage, hub, wanted.at(commit), wanted.revision, limits)
    if verified is None:
        return _Pulled(ModelFiles(folder))
    verified.files.moved(folder)
    return _Pulled(verified.files, verified)


def _fill(stage: Path, hub: Hub, pinned: Remote, revision: str, limits: Limits) -> Verified | None:
    """Fetch and check all files, the config before anything else; None if the weights are not in memory."""
    rows, files = _listed(hub, pinned, layout.NAMES, needed=layout.NEEDED), ModelFiles(stage)
    _refuse_space(stage, rows)
    first, *others = rows
    _fetch(hub, pinned, first, files)
    with _relocated_errors(stage, pinned):
        config = config_json.read_config(files, limits=limits)
    for row in others:
        if row.name == layout.WEIGHTS:
            layout.refuse_bulk(f"{pinned.repo}: {row.name}", row.size, config.spec.parameters)
    for row in others:
        _fetch(hub, pinned, row, files)
    shutil.rmtree(stage / ".cache", ignore_errors=True)  # the client's own notes
    with _relocated_errors(stage, pinned):
        verified = examine(files, config, limits=limits)
    listed = tuple(File(row.name, row.size, files.content(row.name).sha256) for row in rows)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    locks.write(stage, Lock(pinned.repo, revision, pinned.revision, listed, public(hub.endpoint), now, _version()))
    # Weights that are mapped are read again: Windows renames no folder in which a file is mapped.
    return verified._replace(pulled=True) if isinstance(verified.content.data, bytes) else None


@contextmanager
def _relocated_errors(stage: Path, pinned: Remote) -> Iterator[None]:
    """Replace the temporary folder by the repository's name in error messages."""
    try:
        yield
    except AezooError as error:
        old, new = f"{stage}{os.sep}", f"{pinned.repo}: "
        error.message = error.message.replace(old, new)
        error.args = (error.message,)
        if isinstance(error, SpecError):
            error.source = error.source.replace(old, new)
        raise


def _listed(hub: Hub, pinned: Remote, names: Sequence[str], *, needed: Sequence[str] = (layout.CONFIG,)) -> list[Row]:
    """The files that there are, none of them larger than its name allows."""
    rows = hub.rows(pinned, names)
    for row in rows:
        layout.refuse_size(f"{pinned.repo}: {row.name}", row.name, row.size)
    missing = [name for name in needed if name not in {row.name for row in rows}]
    if missing:
        whole = "" if missing[0] == layout.CONFIG else ", or not the whole of one"
        raise NotFound(f"{pinned} holds no {missing[0]}: it is no model of aezoo{whole}", hint=_ANOTHER)
    return rows


def _fetch(hub: Hub, pinned: Remote, row: Row, files: ModelFiles) -> None:
    """Fetch one file, a second time if its bytes are not those listed; then give up."""
    for again in (False, True):
        path = hub.fetch(pinned, row, files.folder, again=again)
        if row.holds(path, read=files.read_again):
            return
    message = f"{row.name} of {pinned} came damaged, twice: its hash is not the one that the Hub lists"
    raise Refused(message, hint="try again later, or over another network; nothing was kept")


def _refuse_space(stage: Path, rows: Sequence[Row]) -> None:
    needed, free = sum(row.size for row in rows), shutil.disk_usage(stage).free
    if needed > free:
        message = f"{spelled(needed)} are to be fetched, {stage.parent} has room for {spelled(free)}"
        raise RunFailed(message, hint="make room, or let AEZOO_HOME name another folder")


# --- the store ------------------------------------------------------------------------------------------


def _shelf(wanted: Remote) -> Shelf:
    return shelf(wanted.repo, endpoint=public(endpoint()))


def _locked(folder: Path) -> ModelFiles | None:
    """The files of a folder, which are as its lock has them; None if it has no lock. Raises `Refused`."""
    files = ModelFiles(folder)
    return files if locks.verify(folder, digest=files.digest) else None


def _intact(folder: Path, *, warn: bool = False) -> ModelFiles | None:
    """The files of a folder of the store; None if it is not there or not as it was pulled.

    Args:
        folder: Of a commit.
        warn: Whether to warn that it is fetched again.
    """
    try:
        return steady(folder, lambda: _locked(folder))
    except Refused as error:
        if warn:
            warnings.warn(PullWarning(f"{error.message}; it is fetched again"), stacklevel=2)
        return None


def _recorded(repository: Shelf, wanted: Remote, commit: str) -> bool:
    """Record the revision of a commit that is here; False if another process removed that meanwhile."""
    if repository.ref(wanted.revision) == commit:
        return True
    try:
        with repository.writing():
            if not repository.commit(commit).is_dir():
                return False
            repository.note(wanted.revision, commit)
    except RunFailed:  # a store that can only be read serves what it has
        pass
    return True


def _offline_hint(wanted: Remote) -> str:
    kept = [*_shelf(wanted).refs()]
    known = f"the store has {', '.join(f'{wanted.repo}@{name}' for name in kept[:4])}; " if kept else ""
    return f"{known}{ONLINE} to fetch it"


# --- copies ---------------------------------------------------------------------------------------------


def _free(target: Path) -> Path:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Refused(f"{target} exists and is not empty", hint="name another folder")
    return target


def _copied(folder: Path, target: Path) -> Path:
    """A copy of a folder, which takes its name once it is whole."""
    lock = locks.verify(folder)
    assert lock is not None, "the store holds nothing without a lock"
    stage = target.absolute().parent / f"{STAGE}{secrets.token_hex(4)}"
    try:
        stage.mkdir(parents=True)
        _copy(folder, stage, lock)
        if target.is_dir():
            target.rmdir()
        stage.rename(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return target


def _copy(source: Path, target: Path, lock: Lock) -> None:
    """The files of a lock, and the lock."""
    for name in (*(file.name for file in lock.files), locks.NAME):
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, target / name)
    locks.verify(target)


def _version() -> str:
    from importlib.metadata import version

    return version("aezoo")
