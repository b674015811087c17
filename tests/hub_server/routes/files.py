"""The bytes: small files from the Hub itself, objects from the second origin, to which the Hub redirects."""

from __future__ import annotations

import hashlib

from tests.hub_server.repositories import Commit, Entry, Repository
from tests.hub_server.routes.call import Call, Route
from tests.hub_server.routes.uploads import signed
from tests.hub_server.wire import Refusal, Reply, ranged


def resolve(call: Call) -> Reply:
    repository = call.readable()
    commit, path = call.commit(repository), call.named["path"]
    headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    if path not in commit.tree:
        raise Refusal(404, "Entry not found", "EntryNotFound", headers)
    repository.downloads += 1
    entry = commit.tree[path]
    headers["Content-Disposition"] = f'inline; filename="{path.rsplit("/", 1)[-1]}"'
    headers["ETag"] = f'"{entry.content_id}"'
    if entry.data is not None:
        return ranged(entry.data, call.request.headers.get("Range"), headers)
    return Reply(302, b"", {**headers, **elsewhere(call, entry), **by_xet(call, repository, commit, entry)})


def elsewhere(call: Call, entry: Entry) -> dict[str, str]:
    """Where an object lies. At the same origin the client would follow, and lose what these headers say."""
    oid = entry.sha256 or ""
    return {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(entry.size), "Location": signed(call, oid)}


def by_xet(call: Call, repository: Repository, commit: Commit, entry: Entry) -> dict[str, str]:
    if entry.xet is None:
        return {}
    url = f"{call.hub.url}/api/{repository.kind}s/{repository.id}/xet-read-token/{commit.oid}"
    return {"X-Xet-Hash": entry.xet, "Link": f'<{url}>; rel="xet-auth"'}


def opened(call: Call) -> str:
    """The object in the path, if the signature in the query is for it."""
    oid = call.named["oid"]
    if call.hub.objects.signatures.get(call.request.first("sig")) != oid:
        raise Refusal(403, "bad or missing signature")
    return oid


def get_object(call: Call) -> Reply:
    oid = opened(call)
    headers = {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"}
    return ranged(call.hub.contents(oid), call.request.headers.get("Range"), headers)


def put_object(call: Call) -> Reply:
    oid, part, body = opened(call), call.request.first("part"), call.request.body
    if part:
        call.hub.objects.parts.setdefault(oid, {})[int(part)] = body
    else:
        call.hub.objects.write(oid, body)
    return Reply(headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})


ROUTES = (
    Route("GET", "[/{kinds}]/{owner}/{name}/resolve/{revision}/{path...}", resolve),
    Route("GET", "[/{kinds}]/{owner}/{name}/raw/{revision}/{path...}", resolve),
)
AT_CDN = (
    Route("GET", "/{oid}", get_object),
    Route("PUT", "/{oid}", put_object),
)
