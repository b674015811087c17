"""pull: what a person calls a model -> its folder, whole and checked.

    address ──resolve──> commit ──rows──> sizes ──config.json──> spec ──the rest──> hashes ──examine──> lock ──rename
              1 request          1 request         checked first         hashed

Nothing of a stranger's is kept, opened by torch or given a name in the store before all of it has passed.
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

from aezoo.errors import AezooError, HubError, NotFound, Refused, RunFailed, SpecError, UsageError
from aezoo.files import digest_of
from aezoo.spec.amounts import size as spelled
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.storage import layout, manifest
from aezoo.storage import lockfile as locks
from aezoo.storage.layout import File
from aezoo.storage.lockfile import Lock
from aezoo.storage.verification import examine
from aezoo.zoo import embedded
from aezoo.zoo.address import Embedded, Local, Remote, address, is_there
from aezoo.zoo.cache import STAGE, Shelf, local, public, shelf, steady, unwritable
from aezoo.zoo.client import ONLINE, Hub, Row, endpoint, offline


class PullWarning(UserWarning):
    """A pull that went well, and that its user may want to know of."""


_ANOTHER = "`aezoo list --remote` names models of aezoo"


def pull(source: str, *, to: str | PathLike[str] | None = None, limits: Limits = DEFAULT_LIMITS) -> Path:
    """Fetch a model, check it, and keep it.

    A commit that is here already is not asked for again; another revision costs one request. With `AEZOO_OFFLINE=1`
    the network is not touched, and a revision is the commit that it was when last asked.

    Args:
        source: `vae-mnist`, a model of the embedded zoo; `owner/name` or `owner/name@revision` of the Hub.
        to: A folder to be made, with a copy of the model.
        limits: How large the model may be.

    Returns:
        The model's folder, with `aezoo.lock.json`: in the store (`AEZOO_HOME`), or `to`.

    Raises:
        NotFound: No such model, or no such revision.
        HubError: Network, authentication or the Hub itself.
        Refused: What came is not what was told, or is no model that can be trusted.
        SpecError, PluginError: Its spec cannot be read here; nothing was kept.
        RunFailed: It cannot be kept: no space, no permission.
    """
    wanted = address(source)
    if isinstance(wanted, Local):
        if not is_there(source):
            raise NotFound(f"{source[:200]}: no such model", hint="vae-mnist, or owner/name@revision of the Hub")
        raise UsageError(f"{source} is a folder, not a name", hint=f"it can be used as it is; or hub:{source}")
    target = None if to is None else _free(Path(to))
    folder = _unpacked(wanted.name) if isinstance(wanted, Embedded) else _pulled(wanted, limits)
    if limits != DEFAULT_LIMITS:  # what is here may have been pulled within others
        manifest.read_manifest(folder, limits=limits)
    return folder if target is None else _copied(folder, target)


def locate(source: str | PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Path:
    """The folder of a model, wherever it is: as it stands, out of the wheel, or pulled. Raises as `pull` does."""
    wanted = address(source)
    if isinstance(wanted, Local):
        if not is_there(str(wanted.path)):
            raise NotFound(f"{str(source)[:200]}: no such folder", hint="name a folder that 'aezoo train' wrote")
        return local(wanted.path)
    return embedded.folder(wanted.name) if isinstance(wanted, Embedded) else _pulled(wanted, limits)


@contextmanager
def preview(source: str | PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Path]:
    """A folder with all of a model but its weights, for as long as it is looked at. Raises as `pull` does."""
    wanted = address(source)
    kept = _here(wanted) if isinstance(wanted, Remote) else None
    if not isinstance(wanted, Remote) or kept is not None:
        yield kept or locate(source, limits=limits)
        return
    hub = _hub(wanted)
    pinned = wanted.at(_resolved(hub, wanted))
    if (kept := _here(pinned)) is not None:
        yield kept
        return
    with TemporaryDirectory(prefix="aezoo-") as stage:
        for row in _listed(hub, pinned, (layout.CONFIG, layout.METRICS, layout.TRAINING, layout.CARD)):
            _fetch(hub, pinned, row, Path(stage))
        with _named(Path(stage), pinned):
            yield Path(stage)


# --- out of the wheel -----------------------------------------------------------------------------------


def _unpacked(name: str) -> Path:
    source = embedded.folder(name)
    lock = locks.verify(source)
    if lock is None:
        raise Refused(f"{source} has no {locks.NAME}", hint="install aezoo again")
    place = shelf(name)
    folder = place.commit(lock.commit)
    if _sound(folder):  # in a store that can only be read, too
        return folder
    with place.writing():
        if not _whole(folder):  # another process may have been faster
            with place.staged(lock.commit) as stage:
                _copy(source, stage, lock)
    return folder


# --- from the Hub ---------------------------------------------------------------------------------------


def _here(wanted: Remote) -> Path | None:
    """The folder of a revision, if the store knows it without asking."""
    place = _shelf(wanted)
    commit = wanted.revision if wanted.pinned else place.ref(wanted.revision) if offline() else None
    folder = place.commit(commit) if commit else None
    if folder is None or not folder.is_dir():
        return None
    if offline():  # a damaged one cannot be fetched again
        return folder if locks.verify(folder) else None
    return folder if _sound(folder) else None


def _hub(wanted: Remote) -> Hub:
    """The Hub, if it may be asked for what is not in the store."""
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
            here = "--offline, or AEZOO_OFFLINE=1, takes the commit that it was when last asked"
            error.hint = f"{error.hint}; {here}" if error.hint else here
        raise


def _pulled(wanted: Remote, limits: Limits) -> Path:
    place, kept = _shelf(wanted), _here(wanted)
    if kept is not None and (not wanted.pinned or _noted(place, wanted, wanted.revision)):
        return kept
    hub = _hub(wanted)
    commit = _resolved(hub, wanted)
    folder = place.commit(commit)
    if not wanted.pinned and _sound(folder) and _noted(place, wanted, commit):
        return folder
    with place.writing():
        if not _whole(folder):  # another process may have been faster
            with place.staged(commit) as stage:
                _fill(stage, hub, wanted.at(commit), wanted.revision, limits)
        place.note(wanted.revision, commit)
    return folder


def _fill(stage: Path, hub: Hub, pinned: Remote, asked: str, limits: Limits) -> None:
    """Fetch and check all files, the config before anything else."""
    rows = _listed(hub, pinned, layout.NAMES, needed=layout.NEEDED)
    _refuse_space(stage, rows)
    config, *others = rows
    _fetch(hub, pinned, config, stage)
    with _named(stage, pinned):
        spec = manifest.read_manifest(stage, limits=limits)
    for row in others:
        if row.name == layout.WEIGHTS:
            layout.refuse_bulk(f"{pinned.repo}: {row.name}", row.size, spec.parameters)
    for row in others:
        _fetch(hub, pinned, row, stage)
    shutil.rmtree(stage / ".cache", ignore_errors=True)  # the client's own notes
    with _named(stage, pinned):
        examine(stage, limits=limits)
    files = tuple(File(row.name, row.size, digest_of(stage / row.name)) for row in rows)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    locks.write(stage, Lock(pinned.repo, asked, pinned.revision, files, public(hub.endpoint), now, _version()))


@contextmanager
def _named(stage: Path, pinned: Remote) -> Iterator[None]:
    """What is wrong with a file is told by its repository: where it was looked at, it is not kept."""
    try:
        yield
    except AezooError as error:
        here, there = f"{stage}{os.sep}", f"{pinned.repo}: "
        error.message = error.message.replace(here, there)
        error.args = (error.message,)
        if isinstance(error, SpecError):
            error.source = error.source.replace(here, there)
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


def _fetch(hub: Hub, pinned: Remote, row: Row, stage: Path) -> None:
    """Fetch one file, a second time if its bytes are not those told; then give up."""
    for again in (False, True):
        path = hub.fetch(pinned, row, stage, again=again)
        if row.holds(path):
            return
    told = f"{row.name} of {pinned} came damaged, twice: its hash is not the one that the Hub tells"
    raise Refused(told, hint="try again later, or over another network; nothing was kept")


def _refuse_space(stage: Path, rows: Sequence[Row]) -> None:
    needed, free = sum(row.size for row in rows), shutil.disk_usage(stage).free
    if needed > free:
        told = f"{spelled(needed)} are to be fetched, {stage.parent} has room for {spelled(free)}"
        raise RunFailed(told, hint="make room, or let AEZOO_HOME name another folder")


# --- the store ------------------------------------------------------------------------------------------


def _shelf(wanted: Remote) -> Shelf:
    return shelf(wanted.repo, endpoint=public(endpoint()))


def _sound(folder: Path) -> bool:
    """Whether a folder is there and as it was pulled; of one that is not, its user is told."""
    try:
        return steady(folder, lambda: locks.verify(folder)) is not None
    except Refused as error:
        warnings.warn(PullWarning(f"{error.message}; it is fetched again"), stacklevel=2)
        return False


def _whole(folder: Path) -> bool:
    """The same, once its user was told."""
    try:
        return steady(folder, lambda: locks.verify(folder)) is not None
    except Refused:
        return False


def _noted(place: Shelf, wanted: Remote, commit: str) -> bool:
    """Note what was asked for of a commit that is here; False if another process took that away meanwhile."""
    if place.ref(wanted.revision) == commit:
        return True
    try:
        with place.writing():
            if not place.commit(commit).is_dir():
                return False
            place.note(wanted.revision, commit)
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
