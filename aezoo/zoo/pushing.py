"""push: a model's folder -> a repository of the Hub, in one commit.

    folder ──survey──> files ──examine, load──> card ──compare──> one commit ──read back──> owner/name@commit
                                                     unchanged: none

The folder passes all checks that a pull makes, so nobody pulls what nobody can load.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from aezoo.errors import HubError, NotFound, Refused, UsageError
from aezoo.files import digest_of
from aezoo.spec.canonical import to_json
from aezoo.spec.document import Spec
from aezoo.spec.limits import LIMITS_IN_USE, Limits
from aezoo.storage import layout, lockfile, weights
from aezoo.storage.card import around, card
from aezoo.storage.layout import File
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.verification import Verified, examine, facts_of, read_facts
from aezoo.zoo import embedded
from aezoo.zoo.address import PREFIX, REVISION, Remote, remote
from aezoo.zoo.cache import local
from aezoo.zoo.client import Hub
from aezoo.zoo.hashes import Row
from aezoo.zoo.licences import identified, nearest
from aezoo.zoo.outcome import Outcome


class Plan(NamedTuple):
    """What a push would send.

    Attributes:
        repo: Where it would go.
        files: Every file, with its size and sha256.
        left: Files of the folder that stay where they are.
        card: The text of README.md.
    """

    repo: str
    files: list[File]
    left: list[str]
    card: str


class Published(NamedTuple):
    """What a push did.

    Attributes:
        repo: Where the model is.
        commit: That has it.
        changed: Whether the commit is new: the same files make none.
        request: Address of the pull request, if it was to be one.
        tag: That the commit has.
        left: Files of the folder that stay where they are.
    """

    repo: str
    commit: str
    changed: bool
    request: str = ""
    tag: str = ""
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.repo}@{self.commit}"


class PushWarning(UserWarning):
    """A push that went well, and that its user may want to know of."""


class _Sending(NamedTuple):
    """A folder on its way: every file by its name, the card among them; and what people wrote around that."""

    folder: Path
    spec: Spec
    paths: dict[str, Path]
    left: list[str]
    around: tuple[str, str]


def push(
    folder: str | PathLike[str],
    repo: str,
    *,
    tag: str | None = None,
    private: bool = False,
    request: bool = False,
    address: str | None = None,
    license: str | None = None,
    keep_paths: bool = False,
    limits: Limits = LIMITS_IN_USE,
) -> Published:
    """Publish a model's folder as `owner/name`, which is made if it is not there.

    All files go in one commit, upon the one that they were compared with; then they are read back. Files that are there
    already are not sent, and if none is new there is no commit. What others wrote around the card is kept.

    Args:
        folder: What `save` or `train` wrote.
        repo: `owner/name`.
        tag: A version for the commit: `v1`. One that another commit has is refused.
        private: Whether a new repository is shown to its owner alone. One that everybody sees already is refused.
        request: Whether to propose the commit, as a pull request, instead.
        address: What the card says to load; `repo` by default.
        license: Of the weights, for a card whose spec names none: `apache-2.0`, `cc-by-4.0` ...
        keep_paths: Whether paths of this machine may stand in what is published.
        limits: How large the model may be.

    Raises:
        NotFound, SpecError, PluginError: The folder holds no model that can be read here.
        UsageError: It is no name of a repository, or no tag; or a pull request was to have a tag.
        Refused: It is damaged, has no licence, or holds what must not be published; or another commit has the tag.
        HubError: Network, authentication or the Hub; nothing is published by half.
    """
    target = _target(repo)
    refuse_tag(tag, request=request)
    hub = Hub()
    with _prepared(Path(folder), address or target.repo, license, keep_paths, limits) as sending:
        hub.create(target, private=private)
        if private and not hub.private(target):
            message = f"{target.repo} is there already, and everybody can see it: nothing was published"
            raise Refused(message, hint="make it private in its settings on the Hub, or leave --private out")
        base = target.at(hub.resolve(target))
        there = {row.name: row for row in hub.rows(base, layout.NAMES)}
        _merge_card(hub, base, there, sending, address or target.repo)
        changes = _changes(there, sending)
        tagged = _tagged(hub, base, tag, changes) if tag else False
        wanted = tag if tag and not tagged else ""
        outcome = Outcome(hub, base, private=private, request=request, tag=wanted)
        with outcome.stated():
            made = _commit(outcome, changes, sending)
            outcome.set_tag()
    return made._replace(tag=tag or "", left=tuple(sending.left))


def plan(
    folder: str | PathLike[str],
    repo: str,
    *,
    address: str | None = None,
    license: str | None = None,
    keep_paths: bool = False,
    limits: Limits = LIMITS_IN_USE,
) -> Plan:
    """What `push` would send, without asking the Hub. Raises as `push` does."""
    target = _target(repo)
    with _prepared(Path(folder), address or target.repo, license, keep_paths, limits) as sending:
        files = [File(name, path.stat().st_size, digest_of(path)) for name, path in sending.paths.items()]
        return Plan(target.repo, files, sending.left, sending.paths[layout.CARD].read_text(encoding="utf-8"))


def written_card(folder: Path, spec: Spec, address: str, *, kept: tuple[str, str] = ("", "")) -> str:
    """The card of a folder, from what stands in it.

    Args:
        folder: Of the model.
        spec: Of the model.
        address: What it says to load.
        kept: What people wrote around it.
    """
    pictures = [name for name in layout.PICTURES if (folder / f"samples/{name}.png").is_file()]
    facts = read_facts(folder, layout.METRICS), read_facts(folder, layout.TRAINING)
    return card(spec, *facts, pictures=pictures, address=address, around=kept)


# --- before any request ---------------------------------------------------------------------------------


def refuse_tag(tag: str | None, *, request: bool = False) -> None:
    """Refuse what cannot be the tag of a push. Raises `UsageError`."""
    if tag is not None and (not REVISION.fullmatch(tag) or tag == "main"):
        raise UsageError(f"{tag[:100]!r} is no tag", hint="v1, 2026-05 ...")
    if tag is not None and request:
        raise UsageError("a pull request has no tag", hint="give it one when it is merged, or leave --create-pr out")


def _target(repo: str) -> Remote:
    target = remote(repo.removeprefix(PREFIX))
    if "@" in repo:
        raise UsageError(f"{repo}: a push goes on top of what is there", hint="--tag names the new commit")
    return target


@contextmanager
def _prepared(folder: Path, address: str, license: str | None, keep_paths: bool, limits: Limits) -> Iterator[_Sending]:
    """The files to send, after everything that a pull and a load would check."""
    if not folder.is_dir():
        publish = f"`aezoo zoo publish {folder} NAMESPACE` publishes a model that comes with aezoo"
        hint = publish if str(folder) in embedded.names() else "name a folder that 'aezoo train' wrote"
        raise NotFound(f"{folder}: no such folder", hint=hint)
    folder = local(folder)
    model_files = ModelFiles(folder)
    files, left = layout.survey(folder, digest=model_files.digest)
    verified = _verified(model_files, limits)
    spec = verified.spec
    licence = _licence(folder, spec, license)
    if not keep_paths:
        _refuse_paths(verified)
    own = _text_of(folder / layout.CARD)
    with TemporaryDirectory(prefix="aezoo-") as stage:
        paths = {file.name: folder / file.name for file in files}
        if license and licence != spec.license:
            paths[layout.CONFIG] = _config(verified, Path(stage), licence)
        spec = spec.model_copy(update={"license": licence})
        paths[layout.CARD] = Path(stage) / layout.CARD
        sending = _Sending(folder, spec, paths, left, around(own))
        _write_card(sending, address, around(own))
        yield sending


def _licence(folder: Path, spec: Spec, license: str | None) -> str:
    """The licence as the Hub calls it.

    Raises:
        UsageError: `license` is none, or another than the spec's.
        Refused: Nobody says what others may do with the model.
    """
    own = identified(spec.license)
    if not license:
        if own is None:
            fault = f"names {spec.license[:80]!r}, which the Hub knows no licence by" if spec.license else ""
            hint = f"{nearest(spec.license)} `--license ID` publishes it under that" if spec.license else ""
            raise Refused(
                f"{folder}: the spec {fault or 'names no licence, so nobody may use the model'}",
                hint=hint or '--license apache-2.0, or another; in a spec, license = "apache-2.0"',
            )
        return own
    chosen = identified(license)
    if chosen is None:
        raise UsageError(f"--license {license[:80]!r}: the Hub knows no licence by that id", hint=nearest(license))
    if own not in (None, chosen):
        raise UsageError(f"{folder}: the spec says {spec.license!r}, --license {license!r}", hint="leave one out")
    return chosen


def _config(verified: Verified, stage: Path, licence: str) -> Path:
    """A copy of config.json whose spec has the licence, on which no fingerprint depends."""
    document = {**verified.document, "spec": {**verified.document["spec"], "license": licence}}
    path = stage / layout.CONFIG
    path.write_text(to_json(document) + "\n", encoding="utf-8", newline="\n")
    return path


def _write_card(sending: _Sending, address: str, kept: tuple[str, str]) -> None:
    text = written_card(sending.folder, sending.spec, address, kept=kept)
    sending.paths[layout.CARD].write_text(text, encoding="utf-8", newline="\n")


def _verified(files: ModelFiles, limits: Limits) -> Verified:
    """Check files as a pull and a load would; the load compares names and shapes of tensors."""
    from aezoo.storage.loading import model_of

    verified = examine(files, limits=limits)
    lockfile.verify(files.folder, digest=files.digest)
    model_of(verified, device="cpu")
    return verified


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _refuse_paths(verified: Verified) -> None:
    """Refuse paths of this machine in what is published."""
    # The header of the weights holds a spec of its own, which may be that of the folder or an earlier one.
    folder, header = verified.files.folder, verified.header.metadata
    noted = {layout.WEIGHTS: [json.loads(text) if key == weights.KEY else text for key, text in header.items()]}
    noted |= {layout.CONFIG: [verified.document]}
    noted |= {name: [facts_of(verified.files, name)] for name in (layout.METRICS, layout.TRAINING)}
    for name, documents in noted.items():
        for text in _texts(documents):
            if PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute():
                hint = "train in the folder of the data, by a relative path; --keep-paths publishes it as it is"
                raise Refused(f"{folder / name} names a path of this machine: {text[:80]!r}", hint=hint)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


# --- with the Hub ---------------------------------------------------------------------------------------


class _Changes(NamedTuple):
    """What a commit would change: files that are new or another, and those that are to go."""

    new: dict[str, Path]
    gone: list[str]


def _changes(there: dict[str, Row], sending: _Sending) -> _Changes:
    new = {name: path for name, path in sending.paths.items() if name not in there or not there[name].holds(path)}
    return _Changes(new, sorted(there.keys() - sending.paths.keys()))


def _tagged(hub: Hub, base: Remote, tag: str, changes: _Changes) -> bool:
    """Whether the commit that is published has the tag already. Raises `Refused` if another one has it."""
    commit = hub.tags(base).get(tag)
    if commit is not None and (commit != base.revision or any(changes)):
        message = f"{base.repo} has a tag {tag!r} already, at {commit[:12]}, on which others may rely"
        raise Refused(message, hint="take the next version; nothing was published")
    return commit is not None


def _merge_card(hub: Hub, base: Remote, there: dict[str, Row], sending: _Sending, address: str) -> None:
    """Keep what stands around the card on the Hub: somebody may have written it there."""
    if layout.CARD not in there:
        return
    row = there[layout.CARD]
    layout.refuse_size(f"{base.repo}: {row.name}", row.name, row.size)
    with TemporaryDirectory(prefix="aezoo-") as stage:
        path = hub.fetch(base, row, Path(stage))
        if not row.holds(path):
            raise HubError(f"{row.name} of {base} came damaged; nothing was published", hint="push again")
        theirs = around(_text_of(path), foreign=True)
    if any(theirs):
        if any(sending.around) and sending.around != theirs:
            message = f"what stands around the card on the Hub is kept, what stands in {sending.folder}"
            warnings.warn(PushWarning(f"{message} is another text, and is not published"), stacklevel=2)
        _write_card(sending, address, theirs)


def _commit(outcome: Outcome, changes: _Changes, sending: _Sending) -> Published:
    """One commit of what is new, read back; none if nothing is."""
    hub, base = outcome.hub, outcome.base
    if not any(changes):
        outcome.commit = base.revision
        outcome.look_again()
        return Published(base.repo, base.revision, changed=False)
    new, gone = changes
    outcome.commit, address = hub.commit(
        base,
        new.items(),
        gone,
        message=f"Publish {sending.spec.name}",
        request=outcome.request,
        ready=outcome.refuse_public,
    )
    outcome.look_again()
    _read_back(hub, base.at(outcome.commit), sending)
    return Published(base.repo, outcome.commit, changed=True, request=address)


def _read_back(hub: Hub, made: Remote, sending: _Sending) -> None:
    rows = {row.name: row for row in hub.rows(made, layout.NAMES)}
    for name in layout.NAMES:
        path = sending.paths.get(name)
        if (name in rows) != (path is not None) or (path and not rows[name].holds(path)):
            raise HubError(f"{made}: the Hub holds another {name} than the one sent", hint="push again")
