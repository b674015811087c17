"""All routes of both origins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.hub_server.routes import accounts, files, metadata, references, trees, uploads, xet
from tests.hub_server.routes.call import dispatch
from tests.hub_server.users import User
from tests.hub_server.wire import Refusal, Reply, Request

if TYPE_CHECKING:
    from tests.hub_server.hub import Hub

AT_HUB = (
    *accounts.ROUTES,
    *metadata.ROUTES,
    *trees.ROUTES,
    *references.ROUTES,
    *uploads.ROUTES,
    *xet.ROUTES,
    *files.ROUTES,
)


def answer_hub(hub: Hub, request: Request) -> Reply:
    """By the rights of who asks."""
    return dispatch(AT_HUB, hub, request, who(hub, request))


def answer_cdn(hub: Hub, request: Request) -> Reply:
    """To anybody with a signed address: no token belongs here, and a test can see that none arrives."""
    return dispatch(files.AT_CDN, hub, request, None)


def who(hub: Hub, request: Request) -> User | None:
    header = request.headers.get("Authorization", "")
    if header and header.removeprefix("Bearer ") not in hub.users:
        raise Refusal(401, "Invalid credentials in Authorization header")
    return hub.users.get(header.removeprefix("Bearer "))
