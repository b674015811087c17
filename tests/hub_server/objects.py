"""Objects by their sha256, in a folder; signed addresses lead to them, parts are gathered until they are whole."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from tests.hub_server.wire import Refusal


class Objects:
    """What Git LFS stores beside the repositories."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.signatures: dict[str, str] = {}  # signature -> the object that it opens
        self.parts: dict[str, dict[int, bytes]] = {}

    def __contains__(self, oid: str) -> bool:
        return self.path(oid).exists()

    def path(self, oid: str) -> Path:
        return self.folder / oid

    def size(self, oid: str) -> int:
        return self.path(oid).stat().st_size

    def read(self, oid: str) -> bytes:
        return self.path(oid).read_bytes()

    def add(self, data: bytes) -> str:
        oid = hashlib.sha256(data).hexdigest()
        self.path(oid).write_bytes(data)
        return oid

    def write(self, oid: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != oid:
            raise Refusal(400, "sha256 of the uploaded bytes does not match the oid")
        self.path(oid).write_bytes(data)

    def sign(self, oid: str) -> str:
        signature = secrets.token_hex(12)
        self.signatures[signature] = oid
        return signature

    def complete(self, oid: str, listed: list[tuple[int, str]]) -> None:
        """Join the parts of an object if they are those that the client tells by number and md5."""
        parts = self.parts.pop(oid, {})
        if listed != [(number, hashlib.md5(part).hexdigest()) for number, part in sorted(parts.items())]:
            raise Refusal(400, "bad multi-part completion")
        self.write(oid, b"".join(part for _, part in sorted(parts.items())))
