"""Who a token is, and which repositories there are."""

from __future__ import annotations

import secrets
from typing import Any

from tests.hub_server.cards import metadata
from tests.hub_server.routes.call import Call, Route
from tests.hub_server.users import User, admit, admit_writer
from tests.hub_server.wire import Refusal, Reply, answer


def whoami(call: Call) -> Reply:
    user = signed_in(call)
    token = {"type": "access_token", "accessToken": {"displayName": "test", "role": user.role}}
    orgs = [{"type": "org", "name": name, "roleInOrg": "admin"} for name in user.orgs]
    return answer({"type": "user", "name": user.name, "fullname": user.name, "auth": token, "orgs": orgs})


def signed_in(call: Call) -> User:
    if call.user is None:
        raise Refusal(401, "Invalid username or password.")
    return call.user


def named(call: Call) -> tuple[str, str, str]:
    """Kind, owner and full name of the repository that the body of a request is about."""
    body = call.request.json()
    owner = body.get("organization") or signed_in(call).name
    return body.get("type") or "model", owner, f"{owner}/{body.get('name')}"


def create(call: Call) -> Reply:
    user, (kind, owner, name) = signed_in(call), named(call)
    if not user.belongs(owner) or user.role != "write":
        raise Refusal(403, f"You don't have the rights to create a {kind} under the namespace {owner}")
    url = address(call, kind, name)
    if (kind, name) in call.hub.repositories:
        # The client reads the address even out of a 409, with exist_ok=True.
        return answer({"error": f"You already created this {kind} repo", "url": url}, 409)
    call.hub.create(name, kind=kind, private=private(call.request.json()), author=user.name)
    return answer({"url": url, "name": name, "id": secrets.token_hex(12)})


def private(body: dict[str, Any], default: bool = False) -> bool:
    if "visibility" in body:
        return bool(body["visibility"] == "private")
    return bool(body.get("private", default))


def address(call: Call, kind: str, name: str) -> str:
    return f"{call.hub.url}/{'' if kind == 'model' else kind + 's/'}{name}"


def delete(call: Call) -> Reply:
    user, (kind, _, name) = signed_in(call), named(call)
    admit_writer(admit(call.hub.repositories.get((kind, name)), user), user)
    del call.hub.repositories[kind, name]
    return Reply()


def settings(call: Call) -> Reply:
    repository, _ = call.changeable()
    body = call.request.json()
    repository.private = private(body, repository.private)
    repository.gated = body.get("gated", repository.gated)
    return answer({})


def validate_yaml(call: Call) -> Reply:
    """The check that a client asks for before it commits a card."""
    try:
        card = metadata(call.request.json()["content"].encode())
    except ValueError as error:
        return answer({"errors": [{"message": str(error)}], "warnings": []}, 400)
    warnings = [] if card else [{"message": "empty or missing yaml metadata in repo card"}]
    return answer({"errors": [], "warnings": warnings})


def auth_check(call: Call) -> Reply:
    call.readable()
    return answer({})


ROUTES = (
    Route("GET", "/api/whoami-v2", whoami),
    Route("POST", "/api/validate-yaml", validate_yaml),
    Route("POST", "/api/repos/create", create),
    Route("DELETE", "/api/repos/delete", delete),
    Route("PUT", "/api/{kinds}/{owner}/{name}/settings", settings),
    Route("GET", "/api/{kinds}/{owner}/{name}/auth-check", auth_check),
)
