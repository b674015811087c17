"""Address: what a person calls a model, and what is meant.

    runs/vae   ./vae-mnist   model.safetensors    a folder, or a weight file, that is there
    vae-mnist                                     a model of the embedded zoo
    owner/name   owner/name@v1                    a repository of the Hub, at a tag, branch or commit

A folder that is there comes first. `hub:owner/name` means the Hub whatever lies here.
"""

from __future__ import annotations

import os
import re
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from aezoo.errors import NotFound, UsageError
from aezoo.hints import did_you_mean
from aezoo.reading.bundled import bundled_specs
from aezoo.zoo import embedded
from aezoo.zoo.cache import COMMIT

PART = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
REVISION = re.compile(r"(?!.*(?:\.\.|//))[A-Za-z0-9][A-Za-z0-9._/-]{0,95}")
MAIN = "main"
PREFIX = "hub:"


class Local(NamedTuple):
    """A folder, or a weight file, that is there."""

    path: Path


class Embedded(NamedTuple):
    """A model in the wheel."""

    name: str


class Remote(NamedTuple):
    """A repository of the Hub, at a revision."""

    owner: str
    name: str
    revision: str = MAIN

    @property
    def repo(self) -> str:
        """`owner/name`, as the Hub has it."""
        return f"{self.owner}/{self.name}"

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, which never moves."""
        return COMMIT.fullmatch(self.revision) is not None

    def at(self, revision: str) -> Remote:
        """The same repository at another revision."""
        return self._replace(revision=revision)

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}"


Address = Local | Embedded | Remote


def address(source: str | PathLike[str]) -> Address:
    """What is meant by a model's name.

    Raises:
        NotFound: It is a path at which there is nothing, or a name that no model of the zoo has.
        UsageError: It is no name of a repository, or nothing at all.
    """
    text = os.fspath(source)
    if not text:
        raise UsageError("the name of a model is empty", hint="a folder, vae-mnist, or owner/name@v1")
    if "://" in text and not is_there(text):
        hint = "owner/name, or owner/name@revision; HF_ENDPOINT names another Hub"
        raise UsageError(f"{text[:200]!r} is an address, not the name of a model", hint=hint)
    if text.startswith(PREFIX):
        return remote(text.removeprefix(PREFIX))
    if not isinstance(source, str) or is_there(text) or _looks_like_a_path(text):
        return Local(Path(source))
    if "/" in text.partition("@")[0]:
        return _unless_mistyped(remote(text))
    return Embedded(_embedded(text))


def remote(text: str) -> Remote:
    """`owner/name` or `owner/name@revision`. Raises `UsageError`."""
    repo, at, revision = text.partition("@")
    owner, _, name = repo.partition("/")
    wrong = [part for part in (owner, name) if not PART.fullmatch(part)]
    if wrong:
        message = f"{text[:200]!r} names no repository: {wrong[0][:100]!r} is no part of owner/name"
        raise UsageError(message, hint="letters, digits, '-', '_' and '.', 96 at most, as in owner/name@v1")
    if at and not REVISION.fullmatch(revision):
        raise UsageError(f"{revision[:100]!r} is no tag, branch or commit", hint="owner/name@v1, owner/name@main")
    return Remote(owner, name, revision or MAIN)


def asked(source: str, otherwise: str) -> str:
    """The revision that a model's name asks for; `otherwise`, if it is not one of the Hub's."""
    wanted = address(source)
    return wanted.revision if isinstance(wanted, Remote) else otherwise


def is_there(text: str) -> bool:
    """Whether there is a file or a folder of this name."""
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # a name that no file system takes
        return False


def _looks_like_a_path(text: str) -> bool:
    name = text.partition("@")[0]
    spelled = text.startswith((".", "~", os.sep)) or "\\" in text or text.endswith("/")
    return spelled or name.count("/") > 1 or name.endswith(".safetensors")


def _unless_mistyped(wanted: Remote) -> Remote:
    """Refuse a mistyped local path: it must never download somebody else's model."""
    if Path(wanted.owner).is_dir():
        hint = f"`{PREFIX}{wanted}` asks the Hub for a model of that name"
        raise NotFound(f"{wanted.owner}/{wanted.name}: no such folder in {wanted.owner}", hint=hint)
    return wanted


def known(name: str) -> str:
    """The name, if a model of the embedded zoo has it. Raises `NotFound`."""
    names = embedded.names()
    if name not in names:
        hint = did_you_mean(name, names, "`aezoo list` names the models; one of the Hub is owner/name")
        if name in bundled_specs():
            hint = f"`aezoo train {name}` trains the model of that spec"
        raise NotFound(f"{name[:200]}: no such folder, and no model of the zoo is called so", hint=hint)
    return name


def _embedded(text: str) -> str:
    name, at, revision = text.partition("@")
    if at and name in embedded.names():
        raise UsageError(
            f"{text}: a model that comes with aezoo has no revisions", hint=f"{name}, or owner/name@{revision}"
        )
    return known(text)
