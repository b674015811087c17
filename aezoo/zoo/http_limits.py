"""HTTP limits: what one conversation with a Hub may take, whatever the other side sends.

    requests    so many; the token goes to the Hub itself alone, whoever a reply, a page or a redirect names
    replies     so many bytes, counted as they come and after unpacking; no header that moves a cursor or names a path
    time        so long in all, by the size of what is asked for, all tries together; and so long for each wait

The client's HTTP library calls it through its hooks, before any body is read. Outside of a conversation of ours the
hooks do nothing.
"""

from __future__ import annotations

import re
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from aezoo.errors import HubError, Refused

#: Requests of one conversation, redirects and further tries among them.
MOST_REQUESTS = 64
#: Bytes of what is no file: a list, a page, an error.
MOST_TOLD = 8 << 20
#: The same of one that publishes: a large file goes in thousands of parts, each with an answer.
MOST_REQUESTS_WRITING, MOST_TOLD_WRITING = 50_000, 128 << 20
#: Seconds for one conversation; a file gets those more that it takes at so many bytes a second.
SECONDS, SLOWEST = 300, 20 << 10
#: Seconds without a byte; the client sets none for some of its requests.
SILENCE = 30
#: Seconds that a server may let the client wait for a further try.
PATIENCE = 60
#: Packed bytes are unpacked in pieces of this size.
PIECE = 1 << 20
#: The path of the request that makes a commit.
COMMITS = re.compile(r"/api/models/[^/]+/[^/]+/commit/[^/]+$")
#: Answers that say that nothing was done: asked elsewhere, or refused. Whoever fails (5xx), or sends on to a page (302,
#: 303), may have done it.
NOT_DONE = frozenset({307, 308, *range(400, 500)}) - {408}
#: What the client takes for part of a file's name.
ETAG = re.compile(r'(?:W/)?"?[A-Za-z0-9_=+.-]*"?')


class Conversation:
    """One call of the client, from its first request to its last byte.

    Args:
        endpoint: Address of the Hub.
        most: Bytes that may come.
        size: Of the files that are asked for or sent.
        requests: That may be made.
    """

    def __init__(self, endpoint: str, most: int, *, size: int = 0, requests: int | None = None) -> None:
        self.endpoint = endpoint
        self.most = most
        self.most_requests = MOST_REQUESTS if requests is None else requests
        # Not their numbers, which a thread that is started later gets again.
        self.others = {*threading.enumerate()} - {threading.current_thread()}
        self.come = 0
        self.requests = 0
        #: Commits that were asked for, less those that an answer says were not made.
        self.unsettled = 0
        self.seconds = SECONDS + size / SLOWEST
        self.end = time.monotonic() + self.seconds

    def asks(self, request: Any) -> None:
        """Before a request, each redirect among them."""
        self.requests += 1
        if self.requests > self.most_requests:
            raise HubError(f"{self.endpoint} sends us around: {self.most_requests} requests led nowhere", hint=LATER)
        self._hurry()
        address = str(request.url)
        if origin(address) != origin(self.endpoint):
            request.headers.pop("authorization", None)
            if urlsplit(self.endpoint).scheme == "https" and urlsplit(address).scheme != "https":
                raise Refused(f"{self.endpoint} sends us to an address that is not encrypted", hint=NO_HUB)
        waits = request.extensions.get("timeout") or {}
        names = ("connect", "read", "write", "pool")
        request.extensions["timeout"] = {name: waits.get(name) or SILENCE for name in names}
        self.unsettled += _commits(request)

    def answers(self, response: Any) -> None:
        """After the headers of a reply, before its body."""
        headers = response.headers
        if response.status_code in NOT_DONE:
            self.unsettled -= _commits(response.request)
        if not all(value.isprintable() for value in headers.values()):
            raise Refused(f"{self.endpoint} sends headers that no Hub sends", hint=NO_HUB)
        if response.request.method == "HEAD":
            if not all(ETAG.fullmatch(headers.get(name, "")) for name in ("etag", "x-linked-etag")):
                raise Refused(f"{self.endpoint} sends a hash that is none", hint=NO_HUB)
            # Files come over HTTP, where every byte is counted: through Xet a library of the client's fetches them,
            # from wherever a reply says and with the token, and stops for no one.
            headers.pop("x-xet-hash", None)
        storage = headers.get("x-xet-cas-url")
        if storage and urlsplit(storage).scheme != "https" and not loopback(self.endpoint):
            raise Refused(f"{self.endpoint} names a storage that is no https address", hint=NO_HUB)
        headers.pop("x-hf-warning", None)  # which the client logs, whatever it says
        _calm(headers)
        response.stream = _measured(response.stream, self._take, _packing(headers))

    def _take(self, count: int) -> None:
        self.come += count
        if self.come > self.most:
            told = f"{self.endpoint} sends more than the {self.most:,} bytes that such a reply may have"
            raise Refused(told, hint=NO_HUB)
        self._hurry()

    def _hurry(self) -> None:
        if time.monotonic() > self.end:
            told = f"{self.endpoint} is too slow: what was asked for had not come after {self.seconds / 60:.0f} minutes"
            raise HubError(told, hint=LATER)


NO_HUB = "no Hub does so: is HF_ENDPOINT right, and the network to be trusted?"
LATER = "try again later, or over another network"
_current: ContextVar[Conversation | None] = ContextVar("conversation", default=None)
#: Conversations that publish: the client sends files from threads that it starts, which know no context.
_writing: list[Conversation] = []


@contextmanager
def conversation(
    endpoint: str, most: int = MOST_TOLD, *, size: int = 0, writing: bool = False
) -> Iterator[Conversation]:
    """Hold all that the client does in here to the limits.

    Args:
        endpoint: Address of the Hub.
        most: Bytes that may come in all.
        size: Of the files that are asked for or sent.
        writing: Whether something is published.
    """
    if writing:
        held = Conversation(endpoint, MOST_TOLD_WRITING, size=size, requests=MOST_REQUESTS_WRITING)
        _writing.append(held)
    else:
        held = Conversation(endpoint, most, size=size)
    token = _current.set(held)
    try:
        yield held
    finally:
        _current.reset(token)
        if writing:
            _writing.remove(held)


def _held() -> Conversation | None:
    """The conversation of this thread. One without any that was started while something is published, whoever
    started it, is taken for one of the client's that sends a part."""
    own, here = _current.get(), threading.current_thread()
    return own or next((held for held in _writing if here not in held.others), None)


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
    if held := _held():
        held.asks(request)


def _answers(response: Any) -> None:
    if held := _held():
        held.answers(response)


def watch(session: Any, client: Any) -> None:
    """Hook a session, and those that the client opens in its place after a broken connection.

    Args:
        session: Of the HTTP library.
        client: The module that opens sessions, whose own name for what makes them is not public.
    """
    _hooked(session)
    factory = getattr(client, "_GLOBAL_CLIENT_FACTORY", None)
    if factory is not None and not hasattr(factory, "inner"):
        client._GLOBAL_CLIENT_FACTORY = _Factory(factory)


class _Factory:
    """What makes a session, and hooks it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self) -> Any:
        return _hooked(self.inner())


def _hooked(session: Any) -> Any:
    hooks = session.event_hooks
    if _asks not in hooks["request"]:
        session.event_hooks = {"request": [*hooks["request"], _asks], "response": [*hooks["response"], _answers]}
    return session


def _commits(request: Any) -> bool:
    """Whether a request is the one that makes a commit."""
    return request.method == "POST" and COMMITS.search(request.url.path) is not None


# --- replies ----------------------------------------------------------------------------------------------


def _calm(headers: Any) -> None:
    """A server may not put the client to sleep for a year."""
    said = headers.get("retry-after", "")
    if said.isdigit() and (len(said) > 4 or int(said) > PATIENCE):
        headers["retry-after"] = str(PATIENCE)
    waits = re.search(r";\s*t\s*=\s*(\d+)", headers.get("ratelimit", ""))
    if waits and (len(waits[1]) > 4 or int(waits[1]) > PATIENCE):
        headers.pop("ratelimit", None)


def _packing(headers: Any) -> bool:
    """Whether the body is packed, in the one way that can be unpacked piece by piece. The header goes with it."""
    words = {word.strip().lower() for word in headers.get("content-encoding", "").split(",")} - {"", "identity"}
    if not words:
        return False
    if not words <= {"gzip", "deflate"} or "," in headers["content-encoding"]:
        raise Refused("a reply is packed in a way that nobody asked for", hint=NO_HUB)
    del headers["content-encoding"]
    headers.pop("content-length", None)  # of the packed bytes
    return True


def _measured(stream: Any, take: Any, packed: bool) -> Any:
    """The stream of a body, each piece counted before it is handed on."""
    kind: Any = type(stream)

    class Measured(kind):  # type: ignore[misc]
        """A stream of the kind that the HTTP library checks for."""

        def __init__(self) -> None:
            pass

        def __iter__(self) -> Iterator[bytes]:
            for piece in _unpacked(stream) if packed else stream:
                take(len(piece))
                yield piece

        def __getattr__(self, name: str) -> Any:
            return getattr(stream, name)

        def close(self) -> None:
            stream.close()

    return Measured()


def _unpacked(stream: Any) -> Iterator[bytes]:
    """What gzip and deflate hold, never more than a piece at once."""
    open_ = zlib.decompressobj(wbits=47)
    try:
        for piece in stream:
            while piece:
                yield open_.decompress(piece, PIECE)
                piece = open_.unconsumed_tail
        yield open_.flush()
    except zlib.error:
        raise Refused("a reply came damaged: it cannot be unpacked", hint=LATER) from None
