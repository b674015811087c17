"""Ways to fail and to attack: functions that edit a reply, to be hooked to the requests that a pattern names.

    hub.hook("GET", "cdn /", faults.flip())                                  # one bit of the next object
    hub.hook("HEAD", "resolve", faults.header("ETag", '"../../x"'), times=None)  # always
    hub.hook("GET", "/tree/", faults.together(faults.rows(10_000), faults.wait(2)))

A size that is declared and a body that is sent are two faults: `declare` lies, `endless` keeps the lie.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

from tests.hub_server.wire import Reply

Fault = Callable[[Reply], None]
TERABYTE = 10**12


def together(*faults: Fault) -> Fault:
    """All of them, in this order."""

    def edit(reply: Reply) -> None:
        for fault in faults:
            fault(reply)

    return edit


def header(name: str, value: str | None) -> Fault:
    """Say this header, in place of what the Hub says; None leaves it out."""

    def edit(reply: Reply) -> None:
        for said in [said for said in reply.headers if said.lower() == name.lower()]:
            del reply.headers[said]
        if value is not None:
            reply.headers[name] = value

    return edit


def refuse(status: int, *, retry_after: float | None = None) -> Fault:
    """Answer with an error: 429 and 503 may say when to come back."""

    def edit(reply: Reply) -> None:
        reply.status, reply.body = status, b""
        reply.headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}

    return edit


def redirect(url: str, status: int = 302) -> Fault:
    """Send the client elsewhere; all that the Hub says of the file stays in the headers."""

    def edit(reply: Reply) -> None:
        reply.status, reply.body = status, b""
        reply.headers["Location"] = url

    return edit


def cut(after: int = 0) -> Fault:
    """Drop the connection after so many bytes of the body."""

    def edit(reply: Reply) -> None:
        reply.cut_after = after

    return edit


def drop() -> Fault:
    """Drop the connection without an answer. What was asked for is done."""

    def edit(reply: Reply) -> None:
        reply.silent = True

    return edit


def wait(seconds: float) -> Fault:
    """Answer late."""

    def edit(reply: Reply) -> None:
        reply.delay += seconds

    return edit


def drip(piece: int, seconds: float) -> Fault:
    """Send the body in pieces of so many bytes, with a pause after each."""

    def edit(reply: Reply) -> None:
        body = reply.body
        reply.headers.setdefault("Content-Length", str(len(body)))
        reply.stream = (body[at : at + piece] for at in range(0, len(body), piece))
        reply.pause = seconds

    return edit


def endless(*, declared: int | None = None, piece: bytes = bytes(65536)) -> Fault:
    """Send until the client hangs up, after the length `declared`, or after none."""

    def edit(reply: Reply) -> None:
        header("Content-Length", None if declared is None else str(declared))(reply)
        reply.status, reply.stream = 200, itertools.repeat(piece)

    return edit


def body(change: Callable[[bytes], bytes]) -> Fault:
    """Send other bytes, with the length that they have: `body(lambda data: data[:-1])`."""

    def edit(reply: Reply) -> None:
        reply.body = change(reply.body)
        header("Content-Length", None)(reply)

    return edit


def flip(at: int = -1, bit: int = 0) -> Fault:
    """Flip one bit of the body, which keeps its length."""

    def change(data: bytes) -> bytes:
        spoilt = bytearray(data)
        spoilt[at] ^= 1 << bit
        return bytes(spoilt)

    return body(change)


def edited(change: Callable[[Any], Any]) -> Fault:
    """Send what `change` makes of the JSON in the body."""
    return body(lambda data: json.dumps(change(json.loads(data))).encode())


def declare(size: int = TERABYTE) -> Fault:
    """Declare a size: of each file in the rows of a tree, or of the one that the headers are about."""

    def edit(reply: Reply) -> None:
        if "X-Linked-Size" in reply.headers:
            reply.headers["X-Linked-Size"] = str(size)
        else:
            edited(lambda rows: [sized(row, size) for row in rows])(reply)

    return edit


def sized(row: dict[str, Any], size: int) -> dict[str, Any]:
    """A row of a tree that says another size."""
    if row["type"] != "file":
        return row
    return {**row, "size": size, **({"lfs": {**row["lfs"], "size": size}} if "lfs" in row else {})}


def rename(old: str, new: str) -> Fault:
    """Call a file of a tree something else: `rename("config.json", "../config.json")`."""
    return edited(lambda rows: [{**row, "path": new} if row["path"] == old else row for row in rows])


def rows(count: int) -> Fault:
    """Add so many small files to the rows of a tree."""
    more = [{"type": "file", "oid": f"{n:040x}", "size": 1, "path": f"extra/{n}.json"} for n in range(count)]
    return edited(lambda there: there + more)
