"""A Hub on the loopback that the real client cannot tell from the one it was written for.

    with Hub() as hub:
        api = HfApi(endpoint=hub.url, token=hub.add_user("alice", orgs=["acme"]))
        hub.hook("GET", "cdn /", faults.cut(1000))
        ...
        assert hub.repository("acme/tiny").head.tree["config.json"].data == b"{}"
        assert not hub.requests("PUT")

Model, dataset and space repositories; commits, tags, branches, pull requests; LFS in one or many parts, Xet; private
and gated repositories, tokens that read or write. Two ports: as with the real Hub, large files lie at another origin.
"""

from __future__ import annotations

import fnmatch
import re
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.hub_server.faults import Fault
from tests.hub_server.objects import Objects
from tests.hub_server.origin import Answer, Origin
from tests.hub_server.repositories import GITATTRIBUTES, LARGE, Commit, Entry, Repository, Tree
from tests.hub_server.routes.table import answer_cdn, answer_hub
from tests.hub_server.users import User
from tests.hub_server.wire import Refusal, Reply, Request
from tests.hub_server.xet import XetStorage


@dataclass
class Hook:
    """A fault, the requests that it is for, and how many more of them it will meet; None is all."""

    method: str
    pattern: str
    fault: Fault
    times: int | None = 1

    def meets(self, request: Request) -> bool:
        return (
            self.times != 0
            and self.method in (request.method, "*")
            and re.search(self.pattern, f"{request.origin} {request.path}") is not None
        )


@dataclass(eq=False)
class Hub:
    """A Hub and all that it holds.

    Args:
        folder: Where objects are stored; a temporary one if it is left out.
        xet: Whether clients may send through Xet. If not, they need HF_HUB_DISABLE_XET=1: they do not fall back.
        page_size: How many rows of a tree or a list are sent at once.
        part_size: Objects above this many bytes are sent in parts; None sends all at once.
    """

    folder: Path | None = None
    xet: bool = False
    page_size: int = 1000
    part_size: int | None = None
    users: dict[str, User] = field(default_factory=dict, init=False)  # by token
    repositories: dict[tuple[str, str], Repository] = field(default_factory=dict, init=False)  # by kind and id
    log: list[Request] = field(default_factory=list, init=False)
    hooks: list[Hook] = field(default_factory=list, init=False)
    arrivals: dict[int, Callable[[Request], None]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.temporary = tempfile.TemporaryDirectory(prefix="hub-")
        root = self.folder or Path(self.temporary.name)
        self.objects = Objects(root / "lfs")
        self.storage = XetStorage(root / "xet")
        self.lock = threading.RLock()
        self.origins: list[Origin] = []
        self.url = self.open("hub", lambda request: answer_hub(self, request))
        self.cdn_url = self.open("cdn", lambda request: answer_cdn(self, request))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for origin in self.origins:
            origin.close()
        self.temporary.cleanup()

    def open(self, name: str, answer: Answer | None = None) -> str:
        """Open one more origin, logged and hooked like the first two, and return its address; by default all is 404."""
        origin = Origin(name, lambda request: self.reply(request, answer or nothing))
        self.origins.append(origin)
        return origin.url

    def reply(self, request: Request, answer: Answer) -> Reply:
        """Log a request, find its answer, and let the hooks spoil that."""
        with self.lock:
            self.log.append(request)
            request.number = len(self.log)
        reply = self.answered(request, answer)
        for hook in self.met(request):
            hook.fault(reply)
        request.status, request.reply_headers = reply.status, dict(reply.headers)
        return reply

    def answered(self, request: Request, answer: Answer) -> Reply:
        """What `answer` says, as soon as who waits for this request has been called."""
        try:
            self.arrivals.pop(request.number, ignore)(request)
            with self.lock:
                return answer(request)
        except Refusal as refusal:
            return refusal.reply
        except Exception as error:  # a bug in here must be seen by the client, not felt as a hang
            return Refusal(500, f"bug in the hub: {error!r}".replace("\n", " ")).reply

    def met(self, request: Request) -> list[Hook]:
        with self.lock:
            hooks = [hook for hook in self.hooks if hook.meets(request)]
            for hook in hooks:
                hook.times = None if hook.times is None else hook.times - 1
        return hooks

    def hook(self, method: str, pattern: str, fault: Fault, times: int | None = 1) -> Hook:
        """Apply a fault to the next `times` replies, all if None, to a method (or `*`) and an `origin /path` searched
        for by `pattern`; what was asked for is done all the same."""
        new = Hook(method, pattern, fault, times)
        self.hooks.append(new)
        return new

    def at_request(self, number: int, call: Callable[[Request], None]) -> None:
        """Call when the `number`-th request from now arrives, 1 being the next, before anything is done about it.

        All that it asks for is done afterwards, even if `call` killed the client, unless it raises a `Refusal`.
        """
        with self.lock:
            self.arrivals[len(self.log) + number] = call

    def requests(self, method: str = "", pattern: str = "", origin: str = "") -> list[Request]:
        """What was asked so far: of this method and origin, with this in its path."""
        return [
            request
            for request in list(self.log)
            if method in ("", request.method) and origin in ("", request.origin) and re.search(pattern, request.path)
        ]

    def add_user(self, name: str, *, role: str = "write", orgs: Iterable[str] = (), token: str | None = None) -> str:
        """Let a user in and return the token; a user may have several, of the roles `read` and `write`."""
        token = token or f"hf_{secrets.token_hex(17)}"
        self.users[token] = User(name, role, tuple(orgs))
        return token

    def environment(self, token: str | None = None) -> dict[str, str]:
        """The variables by which a client in a process of its own finds this hub."""
        result = {"HF_ENDPOINT": self.url, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        result |= {} if self.xet else {"HF_HUB_DISABLE_XET": "1"}
        return result | ({} if token is None else {"HF_TOKEN": token})

    def repository(self, name: str, kind: str = "model") -> Repository:
        return self.repositories[kind, name]

    def create(self, name: str, *, kind: str = "model", private: bool = False, author: str = "hub") -> Repository:
        """A new repository with the first commit that the Hub makes in each."""
        new = self.repositories[kind, name] = Repository(name, kind, private)
        new.commit("refs/heads/main", {".gitattributes": Entry.inline(GITATTRIBUTES)}, "initial commit", "", author)
        return new

    def publish(self, name: str, files: Mapping[str, bytes], *, kind: str = "model", title: str = "publish") -> Commit:
        """Put files into a repository, made if need be, without a client: nothing is checked, no request is made."""
        repository = self.repositories.get((kind, name)) or self.create(name, kind=kind)
        tree = {**repository.head.tree, **{path: self.entry(path, data) for path, data in files.items()}}
        return repository.commit("refs/heads/main", tree, title)

    def entry(self, path: str, data: bytes) -> Entry:
        """A file as it is kept: what looks like weights as an object, all else inline."""
        if any(fnmatch.fnmatch(path, pattern) for pattern in LARGE):
            return Entry(len(data), sha256=self.objects.add(data))
        return Entry.inline(data)

    def stored(self, oid: str, size: int) -> Entry | None:
        """An object that was sent, as an entry; of one that Xet holds the client tells the size."""
        hashed = self.storage.index().get(oid) if self.xet else None
        if oid in self.objects:
            size = self.objects.size(oid)
        elif hashed is None:
            return None
        return Entry(size, sha256=oid, xet=hashed)

    def read(self, entry: Entry) -> bytes:
        """The bytes of a file: `hub.read(hub.repository("acme/tiny").head.tree["model.safetensors"])`."""
        return self.contents(entry.sha256 or "") if entry.data is None else entry.data

    def contents(self, oid: str) -> bytes:
        """The bytes of an object, fetched out of Xet if it was sent that way."""
        if oid not in self.objects:
            self.storage.fetch(oid, self.size(oid), self.objects.path(oid))
        return self.objects.read(oid)

    def size(self, oid: str) -> int:
        """The size that some commit knows of an object that only Xet holds."""
        trees: Iterable[Tree] = (
            commit.tree for repository in self.repositories.values() for commit in repository.commits.values()
        )
        sizes = [entry.size for tree in trees for entry in tree.values() if entry.sha256 == oid and entry.xet]
        if not sizes:
            raise Refusal(404, "no such object")
        return sizes[0]


def ignore(request: Request) -> None:
    pass


def nothing(request: Request) -> Reply:
    raise Refusal(404, "nothing is here")
