"""What the Hub tells of a repository, and lists of repositories."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.hub_server import cards
from tests.hub_server.repositories import Commit, Entry, Repository
from tests.hub_server.routes.call import Call, Route
from tests.hub_server.wire import Reply, Request, answer

Row = dict[str, Any]
#: What a list tells unless more is asked for.
BRIEF = ("_id", "id", "modelId", "likes", "private", "downloads", "tags", "pipeline_tag", "library_name", "createdAt")
FULL = (*BRIEF, "author", "sha", "lastModified", "gated", "disabled", "siblings")


def info(call: Call) -> Reply:
    repository = call.repository()
    row = description(call, repository, call.commit(repository))
    fields = call.request.query.get("expand")
    return answer(chosen(row, ("_id", "id", "modelId", *fields)) if fields else row)


def description(call: Call, repository: Repository, commit: Commit) -> Row:
    """All that the Hub sends of a repository; what is None is left out."""
    readme = commit.tree.get("README.md")
    card = cards.tolerant(readme.data or b"") if readme else {}
    row = {
        **of_repository(repository),
        **of_card(card, commit),
        "sha": commit.oid,
        "lastModified": commit.date,
        "usedStorage": sum(entry.size for entry in commit.tree.values()),
        "siblings": [sibling(*item, "blobs" in call.request.query) for item in sorted(commit.tree.items())],
        "safetensors": parameters(call, commit),
    }
    return {key: value for key, value in row.items() if value is not None}


def of_repository(repository: Repository) -> Row:
    return {
        "_id": hashlib.sha1(repository.id.encode()).hexdigest()[:24],
        "id": repository.id,
        "modelId": repository.id,
        "author": repository.owner,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": False,
        "downloads": repository.downloads,
        "likes": 0,
        "createdAt": repository.created,
    }


def of_card(card: Row, commit: Commit) -> Row:
    return {
        "tags": cards.tags(card, commit.tree),
        "cardData": card,
        "library_name": card.get("library_name"),
        "pipeline_tag": card.get("pipeline_tag"),
        "model-index": card.get("model-index") or None,
    }


def sibling(path: str, entry: Entry, blobs: bool) -> Row:
    if not blobs:
        return {"rfilename": path}
    row = {"rfilename": path, "size": entry.size, "blobId": entry.blob}
    return {**row, "lfs": {"sha256": entry.sha256, **sizes(entry)}} if entry.sha256 else row


def sizes(entry: Entry) -> Row:
    return {"size": entry.size, "pointerSize": len(entry.pointer)}


def parameters(call: Call, commit: Commit) -> Row | None:
    weights = commit.tree.get("model.safetensors")
    if weights is None or weights.sha256 is None or weights.sha256 not in call.hub.objects:
        return None
    return cards.parameters(call.hub.objects.read(weights.sha256))


def listed(call: Call) -> Reply:
    """Repositories that the user may know of and the query asks for."""
    request, found = call.request, []
    for (kind, _), repository in sorted(call.hub.repositories.items()):
        if kind == call.kind and visible(call, repository):
            row = description(call, repository, repository.head)
            if wanted(row, request):
                found.append(row)
    key = request.first("sort")
    if key:
        found.sort(key=lambda row: row.get(key, 0), reverse=True)
    size = min(call.hub.page_size, int(request.first("limit") or len(found) or 1))
    return call.page([chosen(row, keys(request)) for row in found], size)


def visible(call: Call, repository: Repository) -> bool:
    return not repository.private or (call.user is not None and call.user.belongs(repository.owner))


def wanted(row: Row, request: Request) -> bool:
    filters = [tag for value in request.query.get("filter", []) for tag in value.split(",")]
    return (
        request.first("search").lower() in row["id"].lower()
        and request.first("author") in ("", row["author"])
        and request.first("pipeline_tag") in ("", row.get("pipeline_tag"))
        and set(filters) <= set(row["tags"])
    )


def keys(request: Request) -> tuple[str, ...]:
    """What a list tells of each."""
    if "expand" in request.query:
        return ("_id", "id", "modelId", *request.query["expand"])
    return (*(FULL if request.query.get("full") else BRIEF), *(["cardData"] if request.query.get("cardData") else []))


def chosen(row: Row, keys: tuple[str, ...]) -> Row:
    return {key: value for key, value in row.items() if key in keys}


def commits(call: Call) -> Reply:
    repository = call.repository()
    rows = [
        {"id": c.oid, "title": c.title, "message": c.message, "date": c.date, "authors": [{"user": c.author}]}
        for c in repository.history(call.commit(repository))
    ]
    reply = call.page(rows, call.hub.page_size)
    reply.headers["X-Total-Count"] = str(len(rows))
    return reply


ROUTES = (
    Route("GET", "/api/{kinds}", listed),
    Route("GET", "/api/{kinds}/{owner}/{name}", info),
    Route("GET", "/api/{kinds}/{owner}/{name}/revision/{revision}", info),
    Route("GET", "/api/{kinds}/{owner}/{name}/commits/{revision}", commits),
)
