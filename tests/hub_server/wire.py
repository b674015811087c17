"""What goes over the wire: requests as they came, replies as they will go, refusals in the Hub's own words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Headers = Mapping[str, str]


@dataclass
class Request:
    """One request, as a test finds it in `hub.log`; case matters not: `"authorization" in request.headers`."""

    origin: str  # "hub", "cdn", or the name of an origin that a test opened
    method: str
    target: str  # path and query, as sent
    headers: Message
    body: bytes = b""
    number: int = 0  # by arrival, at all origins together, from 1
    status: int | None = None  # of the reply, as soon as there is one
    reply_headers: dict[str, str] = field(default_factory=dict)

    @property
    def raw_path(self) -> str:
        return urlsplit(self.target).path

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def lines(self) -> list[Any]:
        """The body as NDJSON, which is how commits travel."""
        return [json.loads(line) for line in self.body.split(b"\n") if line]


@dataclass
class Reply:
    """What will be sent. The Hub fills the first three; faults edit any."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds before the first byte
    cut_after: int | None = None  # bytes of the body, after which the connection is dropped
    silent: bool = False  # drop the connection without a single byte
    stream: Iterable[bytes] | None = None  # sent in place of `body`, piece by piece, until the client hangs up
    pause: float = 0.0  # seconds between two pieces


class Refusal(Exception):
    """An answer that is an error; the client reads its headers, not its body."""

    def __init__(self, status: int, message: str, code: str = "", headers: Headers | None = None) -> None:
        super().__init__(message)
        all_headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **(headers or {})}
        self.reply = answer({"error": message}, status, all_headers)


def answer(data: Any, status: int = 200, headers: Headers | None = None) -> Reply:
    """A reply in JSON."""
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(status, json.dumps(data).encode(), {**kind, **(headers or {})})


def ranged(data: bytes, asked: str | None, headers: Headers) -> Reply:
    """The part of `data` that a `Range` header asks for; all of it if there is none."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "")
    if not match:
        return Reply(200, data, dict(headers))
    start, end = int(match[1]), min(int(match[2] or len(data) - 1), len(data) - 1)
    if start >= len(data):
        return Reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
    return Reply(206, data[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(data)}"})
