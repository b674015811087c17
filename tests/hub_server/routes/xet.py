"""Tokens for Xet storage; where there are none, the client must learn that it has to use LFS."""

from __future__ import annotations

import secrets
import time

from tests.hub_server.routes.call import Call, Route
from tests.hub_server.wire import Refusal, Reply, answer


def write_token(call: Call) -> Reply:
    call.changeable()
    return token(call)


def read_token(call: Call) -> Reply:
    call.readable()
    return token(call)


def token(call: Call) -> Reply:
    """In the body for the Rust part of the client, in the headers for the Python part."""
    if not call.hub.xet:
        raise Refusal(404, "this hub has no Xet storage")
    secret, until, url = secrets.token_hex(8), int(time.time()) + 3600, call.hub.storage.url
    headers = {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": secret, "X-Xet-Token-Expiration": str(until)}
    return answer({"accessToken": secret, "exp": until, "casUrl": url}, headers=headers)


ROUTES = (
    Route("GET", "/api/{kinds}/{owner}/{name}/xet-write-token/{revision}", write_token),
    Route("GET", "/api/{kinds}/{owner}/{name}/xet-read-token/{revision}", read_token),
)
