"""Repositories as values: files, commits that hold whole trees, and references to commits."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

#: The word in the routes -> the kind of repository.
KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}
#: Names that go to LFS whatever they hold.
LARGE = tuple(f"*.{end}" for end in ("safetensors", "bin", "pt", "pth", "npz", "npy", "zip", "gz", "parquet"))
GITATTRIBUTES = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LARGE).encode()


@dataclass(frozen=True)
class Entry:
    """One file at one commit: its bytes, or the sha256 and size of an object that is stored elsewhere."""

    size: int
    data: bytes | None = None
    sha256: str | None = None
    xet: str | None = None

    @classmethod
    def inline(cls, data: bytes) -> Entry:
        return cls(len(data), data)

    @property
    def pointer(self) -> bytes:
        """What git itself holds in place of an object."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    @property
    def blob(self) -> str:
        """The id that git gives to what it holds."""
        data = self.pointer if self.data is None else self.data
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    @property
    def content_id(self) -> str:
        """What the Hub says as ETag, and as `oid` before an upload."""
        return self.sha256 or self.blob


Tree = dict[str, Entry]


@dataclass(frozen=True)
class Commit:
    """A whole tree, and who made it of which other."""

    oid: str
    parent: str | None
    tree: Tree
    title: str
    message: str
    author: str
    date: str


@dataclass
class Repository:
    """One repository; `refs` holds full names, such as `refs/heads/main`, `refs/tags/v1` and `refs/pr/1`."""

    id: str
    kind: str = "model"
    private: bool = False
    gated: str | bool = False
    allowed: set[str] = field(default_factory=set)  # users whom the gate lets through
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    downloads: int = 0

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]

    @property
    def head(self) -> Commit:
        """The last commit of `main`."""
        return self.commits[self.refs["refs/heads/main"]]

    @property
    def created(self) -> str:
        return next(iter(self.commits.values())).date

    def named(self, space: str) -> dict[str, str]:
        """Short name -> commit id, of the references in `heads`, `tags` or `pr`."""
        start = f"refs/{space}/"
        return {name.removeprefix(start): oid for name, oid in self.refs.items() if name.startswith(start)}

    def resolve(self, revision: str) -> Commit | None:
        """The commit that a branch, a tag, a pull request, an id or the first seven letters of one name."""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if name in self.refs:
                return self.commits[self.refs[name]]
        found = (commit for oid, commit in self.commits.items() if len(revision) >= 7 and oid.startswith(revision))
        return next(found, None)

    def writable(self, revision: str) -> str | None:
        """The full name of a branch or pull request that takes commits."""
        names = (f"refs/heads/{revision}", revision)
        return next((name for name in names if name in self.refs and not name.startswith("refs/tags/")), None)

    def history(self, commit: Commit) -> Iterator[Commit]:
        """A commit and all before it, the newest first."""
        yield commit
        while commit.parent is not None:
            commit = self.commits[commit.parent]
            yield commit

    def commit(
        self, ref: str, tree: Tree, title: str, message: str = "", author: str = "hub", *, parent: str | None = None
    ) -> Commit:
        """Add a commit and let `ref` point at it; its parent is what `ref` pointed at, unless another is named."""
        parent = parent or self.refs.get(ref)
        blobs = {path: entry.blob for path, entry in sorted(tree.items())}
        seed = json.dumps([self.id, parent, title, blobs, secrets.token_hex(4)])
        date = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        new = Commit(hashlib.sha1(seed.encode()).hexdigest(), parent, tree, title, message, author, date)
        self.commits[new.oid] = new
        self.refs[ref] = new.oid
        return new


def bad_path(path: str) -> bool:
    """Whether a commit may not hold a file of this name."""
    parts = path.split("/")
    return not path or path.startswith("/") or "\\" in path or any(part in ("", ".", "..", ".git") for part in parts)
