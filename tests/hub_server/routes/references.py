"""Branches and tags, and a list that has the pull requests as well."""

from __future__ import annotations

from tests.hub_server.repositories import Repository
from tests.hub_server.routes.call import Call, Route, find
from tests.hub_server.wire import Refusal, Reply, answer


def refs(call: Call) -> Reply:
    repository = call.repository()
    document = {"branches": rows(repository, "heads"), "tags": rows(repository, "tags"), "converts": []}
    if "include_prs" in call.request.query:
        document["pullRequests"] = rows(repository, "pr")
    return answer(document)


def rows(repository: Repository, space: str) -> list[dict[str, str]]:
    named = repository.named(space).items()
    return [{"name": name, "ref": f"refs/{space}/{name}", "targetCommit": oid} for name, oid in named]


def add_tag(call: Call) -> Reply:
    return add(call, f"refs/tags/{call.request.json()['tag']}", call.named["revision"])


def add_branch(call: Call) -> Reply:
    return add(call, f"refs/heads/{call.named['ref']}", call.request.json().get("startingPoint") or "main")


def add(call: Call, ref: str, start: str) -> Reply:
    repository, _ = call.changeable()
    if ref in repository.refs:
        raise Refusal(409, f"{ref} already exists")
    repository.refs[ref] = find(repository, start).oid
    return answer({})


def delete_tag(call: Call) -> Reply:
    return delete(call, f"refs/tags/{call.named['ref']}")


def delete_branch(call: Call) -> Reply:
    return delete(call, f"refs/heads/{call.named['ref']}")


def delete(call: Call, ref: str) -> Reply:
    repository, _ = call.changeable()
    if repository.refs.pop(ref, None) is None:
        raise Refusal(404, f"{ref} not found", "RevisionNotFound")
    return answer({})


ROUTES = (
    Route("GET", "/api/{kinds}/{owner}/{name}/refs", refs),
    Route("POST", "/api/{kinds}/{owner}/{name}/tag/{revision}", add_tag),
    Route("DELETE", "/api/{kinds}/{owner}/{name}/tag/{ref}", delete_tag),
    Route("POST", "/api/{kinds}/{owner}/{name}/branch/{ref}", add_branch),
    Route("DELETE", "/api/{kinds}/{owner}/{name}/branch/{ref}", delete_branch),
)
