"""A call: a request that found its route, with what its path names; and how routes are written and matched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlencode

from tests.hub_server.repositories import KINDS, Commit, Repository
from tests.hub_server.users import User, admit, admit_reader, admit_writer
from tests.hub_server.wire import Refusal, Reply, Request, answer

if TYPE_CHECKING:
    from tests.hub_server.hub import Hub


@dataclass
class Call:
    """What a route function gets: `named` holds the parts of the path that its pattern names, decoded."""

    hub: Hub
    request: Request
    user: User | None
    named: dict[str, str]

    @property
    def kind(self) -> str:
        """Of repository; the addresses of models' files do not say it."""
        return KINDS[self.named.get("kinds") or "models"]

    def repository(self) -> Repository:
        """The repository in the path, if the user may know of it."""
        name = f"{self.named['owner']}/{self.named['name']}"
        return admit(self.hub.repositories.get((self.kind, name)), self.user)

    def readable(self) -> Repository:
        """The same, if the user may also read its files."""
        repository = self.repository()
        admit_reader(repository, self.user)
        return repository

    def changeable(self) -> tuple[Repository, User]:
        """The same, with the user, who may also change it or, if that is asked for, open a pull request."""
        repository = self.repository()
        return repository, admit_writer(repository, self.user, pull_request=self.pull_request)

    def contributor(self) -> User:
        """The user, who may send objects: for a pull request, if for nothing else."""
        return admit_writer(self.repository(), self.user, pull_request=True)

    @property
    def pull_request(self) -> bool:
        return self.request.first("create_pr") == "1"

    def commit(self, repository: Repository) -> Commit:
        """The commit that the path names, or the head."""
        return find(repository, self.named.get("revision", "main"))

    def page(self, rows: list[Any], size: int) -> Reply:
        """A page of rows from the query's cursor on, with a link to the next."""
        start = int(self.request.first("cursor", "0"))
        query = {**self.request.query, "cursor": [str(start + size)]}
        link = f'<{self.hub.url}{self.request.raw_path}?{urlencode(query, doseq=True)}>; rel="next"'
        return answer(rows[start : start + size], headers={"Link": link} if start + size < len(rows) else {})


def find(repository: Repository, revision: str) -> Commit:
    commit = repository.resolve(revision)
    if commit is None:
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit


class Route(NamedTuple):
    """A method, the pattern of a path, and the function for it.

    In a pattern `{name}` is one segment, which may hold an encoded `/`, `{name...}` is all that follows, `{kinds}` is
    one of the three kinds, and `[...]` may be absent.
    """

    method: str
    pattern: str
    function: Callable[[Call], Reply]

    def match(self, request: Request) -> dict[str, str] | None:
        """What the path names, if this is its route."""
        if self.method != ("GET" if request.method == "HEAD" else request.method):
            return None
        found = re.fullmatch(regex(self.pattern), request.raw_path)
        return {name: unquote(part) for name, part in found.groupdict("").items()} if found else None


def regex(pattern: str) -> str:
    pattern = pattern.replace("[", "(?:").replace("]", ")?").replace("{kinds}", f"(?P<kinds>{'|'.join(KINDS)})")
    pattern = re.sub(r"\{(\w+)\.\.\.\}", r"(?P<\1>.+)", pattern)
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern).replace(".git/", r"\.git/")


def dispatch(routes: Iterable[Route], hub: Hub, request: Request, user: User | None) -> Reply:
    """Answer by the first route that matches."""
    for route in routes:
        named = route.match(request)
        if named is not None:
            return route.function(Call(hub, request, user, {name: part for name, part in named.items() if part}))
    raise Refusal(404, "Sorry, we can't find the page you are looking for.")
