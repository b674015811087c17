"""Pushes, pulls, loads and compares embedded models on a real Hub, then removes its repositories.

HF_TOKEN=... python benchmarks/live_hub.py OWNER [NAME ...]    private repositories of OWNER, removed at last
HF_ENDPOINT=http://127.0.0.1:8000 ...                          against another Hub

What the tests prove on the loopback, on the Hub that people use: it needs a token that may write, and is no test.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import aezoo
from aezoo.storage import layout, lockfile
from aezoo.zoo import embedded
from aezoo.zoo.client import Hub


@contextmanager
def repository(owner: str) -> Iterator[str]:
    """A name that nobody has, whose repository is gone at the end."""
    name = f"{owner}/aezoo-live-{secrets.token_hex(4)}"
    try:
        yield name
    finally:
        Hub().api.delete_repo(name, missing_ok=True)


def tried(owner: str, name: str) -> None:
    """All that a user does with one model; a failed `assert` is a difference."""
    folder = embedded.folder(name)
    with repository(owner) as repo:
        done = aezoo.push(folder, repo, private=True, tag="v1", address=name)
        assert done.changed, "the first push makes a commit"
        assert not aezoo.push(folder, repo, private=True, tag="v1", address=name).changed, "the second one does not"
        pulled = aezoo.pull(f"{repo}@v1")
        assert aezoo.pull(f"{repo}@{done.commit}") == pulled, "a pinned commit is the same folder"
        assert files(pulled) == files(folder), "the copies have equal hashes"
        here, there = aezoo.load(folder, device="cpu"), aezoo.load(f"{repo}@{done.commit}", device="cpu")
        x = np.random.default_rng(0).random((4, *here.spec.input.shape), dtype=np.float32)
        assert np.array_equal(here.encode(x), there.encode(x)), "the same codes, bit by bit"
        assert np.array_equal(here.reconstruct(x), there.reconstruct(x)), "the same reconstructions, bit by bit"
        Hub().api.verify_repo_checksums(repo, revision=done.commit, local_dir=pulled)
        print(f"{name}: pushed, pulled, loaded and compared as {done}", flush=True)


def files(folder: Path) -> dict[str, str]:
    """Name and sha256 of every file of a model."""
    lock = lockfile.verify(folder)
    assert lock is not None, f"{folder} has a lock"
    assert {file.name for file in lock.files} <= {*layout.NAMES}
    return {file.name: file.sha256 for file in lock.files}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("owner", metavar="OWNER", help="who the token is of, or an organisation of theirs")
    parser.add_argument("names", nargs="*", metavar="NAME", default=embedded.names())
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aezoo-live-") as home:
        os.environ["AEZOO_HOME"] = home
        for name in asked.names:
            tried(asked.owner, name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
