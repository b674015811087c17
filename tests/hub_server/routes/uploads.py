"""The way of a push: how each file is to be sent, where objects go, and the commit that ties them together."""

from __future__ import annotations

import base64
import fnmatch
from typing import Any

from tests.hub_server.repositories import Commit, Entry, Repository, Tree, bad_path
from tests.hub_server.routes.accounts import address
from tests.hub_server.routes.call import Call, Route
from tests.hub_server.wire import Refusal, Reply, answer

Row = dict[str, Any]
#: Bytes above which a file is an object whatever its name.
LARGEST_INLINE = 10 * 2**20


def preupload(call: Call) -> Reply:
    """Of each file: as an object or in the commit, and what is there now."""
    repository, _ = call.changeable()
    commit, body = call.commit(repository), call.request.json()
    ignored = [line for line in (body.get("gitIgnore") or "").splitlines() if line and not line.startswith("#")]
    rows = [advice(item, commit.tree, attributes(commit.tree), ignored) for item in body["files"]]
    return answer({"commitOid": commit.oid, "files": rows})


def attributes(tree: Tree) -> list[str]:
    """The patterns in .gitattributes that name objects."""
    text = (tree[".gitattributes"].data or b"").decode() if ".gitattributes" in tree else ""
    return [line.split()[0] for line in text.splitlines() if "filter=lfs" in line]


def advice(item: Row, tree: Tree, large: list[str], ignored: list[str]) -> Row:
    path = item["path"]
    binary = b"\0" in base64.b64decode(item["sample"])
    lfs = item["size"] > LARGEST_INLINE or binary or named(path, large)
    row = {"path": path, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": named(path, ignored)}
    return {**row, "oid": tree[path].content_id} if path in tree else row


def named(path: str, patterns: list[str]) -> bool:
    """Whether a pattern names the path or its last part."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns for name in (path, path.rsplit("/", 1)[-1]))


def batch(call: Call) -> Reply:
    """Where each object goes; one that is there goes nowhere. Who may open a pull request may send objects for it."""
    call.contributor()
    rows = [destination(call, item["oid"], item["size"]) for item in call.request.json()["objects"]]
    parts = any("complete" in row.get("actions", {}).get("upload", {}).get("href", "") for row in rows)
    return answer({"transfer": "multipart" if parts else "basic", "objects": rows, "hash_algo": "sha256"})


def destination(call: Call, oid: str, size: int) -> Row:
    row = {"oid": oid, "size": size}
    if oid in call.hub.objects:
        return row
    verify = {"href": f"{call.hub.url}/_lfs/verify/{oid}", "header": {}}
    return {**row, "actions": {"upload": upload(call, oid, size), "verify": verify}}


def upload(call: Call, oid: str, size: int) -> Row:
    part = call.hub.part_size
    if not part or size <= part:
        return {"href": signed(call, oid), "header": {}}
    urls = {str(n): f"{signed(call, oid)}&part={n}" for n in range(1, -(-size // part) + 1)}
    return {"href": f"{call.hub.url}/_lfs/complete/{oid}", "header": {"chunk_size": str(part), **urls}}


def signed(call: Call, oid: str) -> str:
    return f"{call.hub.cdn_url}/{oid}?sig={call.hub.objects.sign(oid)}"


def complete(call: Call) -> Reply:
    parts = [(part["partNumber"], part["etag"].strip('"')) for part in call.request.json()["parts"]]
    call.hub.objects.complete(call.named["oid"], parts)
    return answer({"success": True})


def verify(call: Call) -> Reply:
    oid, objects = call.named["oid"], call.hub.objects
    if oid not in objects or objects.size(oid) != call.request.json()["size"]:
        raise Refusal(404, "Object not found or wrong size")
    return answer({"success": True})


def commit(call: Call) -> Reply:
    """To a branch or a pull request that is open, or as a new pull request."""
    repository, user = call.changeable()
    header, *operations = call.request.lines()
    value = header["value"]
    base = call.commit(repository)
    if call.pull_request:
        ref = f"refs/pr/{len(repository.named('pr')) + 1}"
        base = repository.resolve(value.get("parentCommit") or base.oid) or base
    else:
        ref = target(call, repository)
        if value.get("parentCommit", base.oid) != base.oid:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    tree = changed(call, base.tree, operations)
    new = repository.commit(ref, tree, value["summary"], value.get("description", ""), user.name, parent=base.oid)
    return answer(receipt(call, repository, ref, new))


def target(call: Call, repository: Repository) -> str:
    ref = repository.writable(call.named["revision"])
    if ref is None:
        raise Refusal(404, f"Invalid rev id: {call.named['revision']}", "RevisionNotFound")
    return ref


def receipt(call: Call, repository: Repository, ref: str, commit: Commit) -> Row:
    url = address(call, repository.kind, repository.id)
    row = {"success": True, "commitOid": commit.oid, "commitUrl": f"{url}/commit/{commit.oid}", "hookOutput": ""}
    number = ref.removeprefix("refs/pr/")
    return {**row, "pullRequestUrl": f"{url}/discussions/{number}"} if call.pull_request else row


def changed(call: Call, tree: Tree, operations: list[Row]) -> Tree:
    """The tree after all operations; none is done if one is refused."""
    for operation in operations:
        value = operation["value"]
        path = value["path"].rstrip("/")
        if bad_path(path):
            raise Refusal(400, f"Invalid path: {path!r}")
        tree = done(call, tree, operation["key"], path, value)
    return tree


def done(call: Call, tree: Tree, key: str, path: str, value: Row) -> Tree:
    """The tree after one operation."""
    if key == "file":
        return {**tree, path: Entry.inline(base64.b64decode(value["content"]))}
    if key == "lfsFile":
        return {**tree, path: object_entry(call, value["oid"], value.get("size"))}
    if key == "deletedFile" and path not in tree:
        raise Refusal(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
    if key == "deletedFile":
        return {name: entry for name, entry in tree.items() if name != path}
    if key == "deletedFolder":
        return {name: entry for name, entry in tree.items() if not name.startswith(f"{path}/")}
    raise Refusal(400, f"unknown operation {key}")


def object_entry(call: Call, oid: str, size: int | None) -> Entry:
    entry = call.hub.stored(oid, size or 0)
    if entry is None:
        raise Refusal(400, f"LFS object {oid} has not been uploaded")
    return entry


ROUTES = (
    Route("POST", "/api/{kinds}/{owner}/{name}/preupload/{revision}", preupload),
    Route("POST", "/api/{kinds}/{owner}/{name}/commit/{revision}", commit),
    Route("POST", "[/{kinds}]/{owner}/{name}.git/info/lfs/objects/batch", batch),
    Route("POST", "/_lfs/complete/{oid}", complete),
    Route("POST", "/_lfs/verify/{oid}", verify),
)
