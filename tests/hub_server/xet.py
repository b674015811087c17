"""Xet storage: the client's own library keeps it, in a folder; this reads what that library wrote.

`hf_xet` takes `local://FOLDER` for the address of a storage server, and chunks, deduplicates, sends and fetches
through the folder as it would over the network. It locks the folder: one client process at a time.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.hub_server.wire import Refusal

#: In a shard: a header, then for each file a record, its segments, and what was asked to be kept about it.
RECORD = 48
HAS_VERIFICATION, HAS_SHA256 = 1 << 31, 1 << 30
LAST = b"\xff" * 32

FETCH = """
import sys, time, hf_xet
soon = int(time.time()) + 3600
with hf_xet.XetSession().new_file_download_group(endpoint=sys.argv[1], token="x", token_expiry_unix_secs=soon) as group:
    group.start_download_file(hf_xet.XetFileInfo(sys.argv[2], int(sys.argv[3])), sys.argv[4])
"""


class XetStorage:
    """The folder behind `local://`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"local://{folder}"

    def index(self) -> dict[str, str]:
        """sha256 -> Xet hash of every file that was sent."""
        shards = self.folder.glob("**/shards/*.mdb")
        return {sha256: name for shard in shards for sha256, name in files(shard.read_bytes())}

    def fetch(self, oid: str, size: int, target: Path) -> None:
        """Write a file that was sent through Xet where plain HTTP can serve it; a process of its own frees the lock."""
        part = target.with_suffix(".part")
        words = [self.url, self.index()[oid], str(size), str(part)]
        done = subprocess.run(
            [sys.executable, "-c", FETCH, *words], capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode:
            raise Refusal(503, f"cannot rebuild from the Xet store: {done.stderr[-200:]}".replace("\n", " "))
        part.rename(target)


def files(shard: bytes) -> Iterator[tuple[str, str]]:
    """The sha256 and the Xet hash of each file in a shard."""
    at = RECORD
    while shard[at : at + 32] != LAST:
        name = merkle(shard[at : at + 32])
        flags, segments = struct.unpack_from("<II", shard, at + 32)
        at += RECORD + RECORD * segments * (2 if flags & HAS_VERIFICATION else 1)
        if flags & HAS_SHA256:
            yield merkle(shard[at : at + 32]), name
            at += RECORD


def merkle(raw: bytes) -> str:
    """A hash as Xet prints it: four little-endian words of 64 bits."""
    return "".join(raw[i : i + 8][::-1].hex() for i in range(0, 32, 8))
