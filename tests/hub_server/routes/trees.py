"""The files of a commit, as rows."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qs

from tests.hub_server.repositories import Entry, Tree
from tests.hub_server.routes.call import Call, Route
from tests.hub_server.routes.metadata import sizes
from tests.hub_server.wire import Refusal, Reply, answer

Row = dict[str, Any]


def tree(call: Call) -> Reply:
    repository = call.repository()
    commit, folder = call.commit(repository), call.named.get("path", "").strip("/")
    entries = rows(commit.tree, folder, recursive=call.request.first("recursive").lower() in ("1", "true"))
    if folder and not entries:
        raise Refusal(404, f"{folder} does not exist on {commit.oid}", "EntryNotFound", {"X-Repo-Commit": commit.oid})
    return call.page(entries, call.hub.page_size)


def rows(tree: Tree, folder: str = "", *, recursive: bool) -> list[Row]:
    """The folders first, then the files: those right below a folder, or all that it holds."""
    base = f"{folder}/" if folder else ""
    inner = {path[len(base) :]: entry for path, entry in sorted(tree.items()) if path.startswith(base)}
    parents = {parent for path in inner for parent in above(path)[: None if recursive else 1]}
    files = [file(base + path, entry) for path, entry in inner.items() if recursive or "/" not in path]
    return [directory(base + parent) for parent in sorted(parents)] + files


def above(path: str) -> list[str]:
    """The folders on the way to a file, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def directory(path: str) -> Row:
    return {"type": "directory", "oid": hashlib.sha1(path.encode()).hexdigest(), "size": 0, "path": path}


def file(path: str, entry: Entry) -> Row:
    row: Row = {"type": "file", "oid": entry.blob, "size": entry.size, "path": path}
    if entry.sha256:
        row["lfs"] = {"oid": entry.sha256, **sizes(entry)}
    return {**row, "xetHash": entry.xet} if entry.xet else row


def paths_info(call: Call) -> Reply:
    """The rows of some paths; clients ask in a form, or in JSON."""
    repository, body = call.repository(), call.request.body
    asked = parse_qs(body.decode()) if b"=" in body[:200] else call.request.json()
    entries = rows(call.commit(repository).tree, recursive=True)
    return answer([row for row in entries if row["path"] in asked.get("paths", [])])


ROUTES = (
    Route("GET", "/api/{kinds}/{owner}/{name}/tree/{revision}[/{path...}]", tree),
    Route("POST", "/api/{kinds}/{owner}/{name}/paths-info/{revision}", paths_info),
)
