"""Who asks, and what they may do."""

from __future__ import annotations

from typing import NamedTuple

from tests.hub_server.repositories import Repository
from tests.hub_server.wire import Refusal


class User(NamedTuple):
    """One user with one token."""

    name: str
    role: str = "write"  # or "read"
    orgs: tuple[str, ...] = ()

    def belongs(self, owner: str) -> bool:
        return owner in (self.name, *self.orgs)


def admit(repository: Repository | None, user: User | None) -> Repository:
    """A repository, if it is there for this user: a private one is not there for others."""
    if repository is None or (repository.private and not (user and user.belongs(repository.owner))):
        raise Refusal(404 if user else 401, "Repository not found", "RepoNotFound")
    return repository


def admit_reader(repository: Repository, user: User | None) -> None:
    """To the files, which a gate may close: metadata stays open."""
    inside = user is not None and (user.belongs(repository.owner) or user.name in repository.allowed)
    if repository.gated and not inside:
        message = f"Access to {repository.kind} {repository.id} is restricted."
        raise Refusal(403 if user else 401, message, "GatedRepo")


def admit_writer(repository: Repository, user: User | None, *, pull_request: bool = False) -> User:
    """To change it, which members do; a pull request may come from anybody with a token that writes."""
    if user is None or user.role != "write" or not (pull_request or user.belongs(repository.owner)):
        raise Refusal(403 if user else 401, "You don't have the rights to write to this repo")
    return user
