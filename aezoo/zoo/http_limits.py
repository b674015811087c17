"""HTTP limits: what one conversation with a Hub may take, whatever the other side sends.

    requests    so many; the token goes to the Hub itself alone, whoever a reply, a page or a redirect names
    replies     so many bytes, counted as they come and after unpacking; no header that moves a cursor or names a path
    time        so long in all, by the size of what is fetched or sent, all tries together; and so long for each wait

The HTTP library calls it through event hooks, before any body is read. Outside of a conversation of aezoo's the hooks
do nothing. Each check stands beside what it stops.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from aezoo.errors import HubError, Refused

#: Requests of one conversation, redirects and further tries among them.
MOST_REQUESTS = 64
#: Bytes of what is no file: a list, a page, an error.
MOST_BYTES = 8 << 20
#: The same of one that publishes: a large file goes in thousands of parts, each with an answer.
MOST_REQUESTS_WRITING, MOST_BYTES_WRITING = 50_000, 128 << 20
#: Seconds for one conversation; a file gets those more that it takes at so many bytes a second.
SECONDS, SLOWEST = 300, 20 << 10
#: Seconds without a byte; the client sets none for some of its requests.
SILENCE = 30
#: Seconds that a server may let the client wait for a further try.
PATIENCE = 60
#: The path of the request that makes a commit.
COMMITS = re.compile(r"/api/models/[^/]+/[^/]+/commit/[^/]+$")
#: Answers that say that nothing was done: the client is sent elsewhere, or refused. A Hub that fails (5xx), or sends on
#: to a page (302, 303), may have done it.
NOT_DONE = frozenset({307, 308, *range(400, 500)}) - {408}
#: What the client takes for part of a file's name.
ETAG = re.compile(r'(?:W/)?"?[A-Za-z0-9_=+.-]*"?')


class Conversation:
    """One call of the client, from its first request to its last byte.

    Args:
        endpoint: Address of the Hub.
        most: Bytes that may come.
        size: Of the files that are fetched or sent.
        requests: That may be made.
    """

    def __init__(self, endpoint: str, most: int, *, size: int = 0, requests: int | None = None) -> None:
        self.endpoint = endpoint
        self.most = most
        self.most_requests = MOST_REQUESTS if requests is None else requests
        # Not their numbers, which a thread that is started later gets again.
        self.other_threads = {*threading.enumerate()} - {threading.current_thread()}
        self.received = 0
        self.requests = 0
        #: Commits that were requested, less those that an answer says were not made.
        self.unsettled = 0
        self.seconds = SECONDS + size / SLOWEST
        self.end = time.monotonic() + self.seconds

    def asks(self, request: Any) -> None:
        """Before a request, each redirect among them."""
        # Stops redirects and pages that lead on for ever.
        self.requests += 1
        if self.requests > self.most_requests:
            raise HubError(f"{self.endpoint} sends us around: {self.most_requests} requests led nowhere", hint=LATER)
        self._refuse_lateness()
        self._guard_token(request)
        # Stops a server that accepts a connection and sends nothing.
        waits = request.extensions.get("timeout") or {}
        names = ("connect", "read", "write", "pool")
        request.extensions["timeout"] = {name: waits.get(name) or SILENCE for name in names}
        self.unsettled += _commits(request)

    def _guard_token(self, request: Any) -> None:
        address = str(request.url)
        if origin(address) == origin(self.endpoint):
            return
        # Stops a reply that names an address of its own to collect tokens.
        request.headers.pop("authorization", None)
        # Stops a redirect to where everybody on the way can read and change what is sent.
        if urlsplit(self.endpoint).scheme == "https" and urlsplit(address).scheme != "https":
            raise Refused(f"{self.endpoint} sends us to an address that is not encrypted", hint=NO_HUB)

    def answers(self, response: Any) -> None:
        """After the headers of a reply, before its body."""
        from aezoo.zoo.http_body import Counted

        headers = response.headers
        if response.status_code in NOT_DONE:
            self.unsettled -= _commits(response.request)
        # Stops escape sequences, which move the cursor of a terminal, in what the client prints.
        if not all(value.isprintable() for value in headers.values()):
            raise Refused(f"{self.endpoint} sends headers that no Hub sends", hint=NO_HUB)
        if response.request.method == "HEAD":
            # Stops a path in place of a hash: the client names files by it.
            if not all(ETAG.fullmatch(headers.get(name, "")) for name in ("etag", "x-linked-etag")):
                raise Refused(f"{self.endpoint} sends a hash that is none", hint=NO_HUB)
            # Stops downloads through Xet: a library of the client's makes them from wherever a reply says, with the
            # token, and counts nothing. Over HTTP every byte is counted.
            headers.pop("x-xet-hash", None)
        # Stops uploads through Xet to a folder (`local:`) or over a connection that is not encrypted.
        storage = headers.get("x-xet-cas-url")
        if storage and urlsplit(storage).scheme != "https" and not loopback(self.endpoint):
            raise Refused(f"{self.endpoint} names a storage that is no https address", hint=NO_HUB)
        # Stops text of the server's own in the client's log.
        headers.pop("x-hf-warning", None)
        _shorten_waits(headers)
        # Stops replies without end, and small ones that unpack to large ones.
        response.stream = Counted(response.stream, self._receive, packed=_packed(headers))

    def _receive(self, count: int) -> None:
        self.received += count
        if self.received > self.most:
            message = f"{self.endpoint} sends more than the {self.most:,} bytes that such a reply may have"
            raise Refused(message, hint=NO_HUB)
        self._refuse_lateness()

    def _refuse_lateness(self) -> None:
        """Stops a server that sends a byte now and then."""
        if time.monotonic() > self.end:
            minutes = f"{self.seconds / 60:.0f} minutes"
            raise HubError(f"{self.endpoint} is too slow: the call was not done after {minutes}", hint=LATER)


NO_HUB = "no Hub does so: is HF_ENDPOINT right, and the network to be trusted?"
LATER = "try again later, or over another network"
_current: ContextVar[Conversation | None] = ContextVar("conversation", default=None)
#: Conversations that publish: the client sends files from threads that it starts, which know no context.
_writing: list[Conversation] = []


@contextmanager
def conversation(
    endpoint: str, most: int = MOST_BYTES, *, size: int = 0, writing: bool = False
) -> Iterator[Conversation]:
    """Hold all that the client does in here to the limits.

    Args:
        endpoint: Address of the Hub.
        most: Bytes that may come in all.
        size: Of the files that are fetched or sent.
        writing: Whether something is published.
    """
    if writing:
        talk = Conversation(endpoint, MOST_BYTES_WRITING, size=size, requests=MOST_REQUESTS_WRITING)
        _writing.append(talk)
    else:
        talk = Conversation(endpoint, most, size=size)
    token = _current.set(talk)
    try:
        yield talk
    finally:
        _current.reset(token)
        if writing:
            _writing.remove(talk)


def _ours() -> Conversation | None:
    """The conversation of this thread. A thread without one, started while something is published, whoever started
    it, counts as one of the client's that sends a part."""
    own, thread = _current.get(), threading.current_thread()
    return own or next((talk for talk in _writing if thread not in talk.other_threads), None)


def origin(address: str) -> tuple[str, str, int]:
    """Scheme, host and port."""
    parts = urlsplit(address)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def loopback(address: str) -> bool:
    """Whether an address is of this machine."""
    import ipaddress

    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- the hooks --------------------------------------------------------------------------------------------


def _asks(request: Any) -> None:
    if talk := _ours():
        talk.asks(request)


def _answers(response: Any) -> None:
    if talk := _ours():
        talk.answers(response)


class HookedFactory:
    """Opens sessions as another factory does, and hooks them.

    Args:
        factory: The other one.
    """

    def __init__(self, factory: Callable[[], Any]) -> None:
        self.factory = factory

    def __call__(self) -> Any:
        return hooked(self.factory())


def hooked(session: Any) -> Any:
    """The same session, which calls the hooks from now on."""
    hooks = session.event_hooks
    if _asks not in hooks["request"]:
        session.event_hooks = {"request": [*hooks["request"], _asks], "response": [*hooks["response"], _answers]}
    return session


def _commits(request: Any) -> bool:
    """Whether a request is the one that makes a commit."""
    return request.method == "POST" and COMMITS.search(request.url.path) is not None


# --- replies ----------------------------------------------------------------------------------------------


def _shorten_waits(headers: Any) -> None:
    """Stops a server that puts the client to sleep for a year."""
    seconds = headers.get("retry-after", "")
    if seconds.isdigit() and (len(seconds) > 4 or int(seconds) > PATIENCE):
        headers["retry-after"] = str(PATIENCE)
    waits = re.search(r";\s*t\s*=\s*(\d+)", headers.get("ratelimit", ""))
    if waits and (len(waits[1]) > 4 or int(waits[1]) > PATIENCE):
        headers.pop("ratelimit", None)


def _packed(headers: Any) -> bool:
    """Whether the body is packed, in the one way that can be unpacked piece by piece. The header goes with it."""
    words = {word.strip().lower() for word in headers.get("content-encoding", "").split(",")} - {"", "identity"}
    if not words:
        return False
    if not words <= {"gzip", "deflate"} or "," in headers["content-encoding"]:
        raise Refused("a reply is packed in a way that was not requested", hint=NO_HUB)
    del headers["content-encoding"]
    headers.pop("content-length", None)  # of the packed bytes
    return True
