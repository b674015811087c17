"""Fingerprint of samples: whether a run that goes on sees the very data that it began with."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Protocol

import numpy as np

from aezoo.spec.samples import Array, Samples

#: Bytes that are hashed together: of a mapped file no more than these are in memory.
PIECE = 16 << 20


class Digest(Protocol):
    """A hash that grows."""

    def update(self, data: Any, /) -> None: ...


def fingerprint(samples: Samples, fields: Iterable[str] = ()) -> str:
    """The sha256 of all values, of these fields and of the splits that the set fixes, with their types and shapes.

    Args:
        samples: All of them; a mapped file is read piece by piece.
        fields: Those that the spec declares.
    """
    digest = sha256()
    _add(digest, "values", samples.values)
    for name in sorted(fields):
        _add(digest, f"field {name}", samples.fields[name])
    for name in sorted(samples.splits):
        _add(digest, f"split {name}", np.asarray(samples.splits[name], np.int64))
    return digest.hexdigest()


def _add(digest: Digest, name: str, array: Array) -> None:
    digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
    if not array.ndim or not array.size:
        digest.update(array.tobytes())
        return
    rows = max(1, PIECE * len(array) // array.nbytes)
    for start in range(0, len(array), rows):
        piece = np.ascontiguousarray(array[start : start + rows])
        digest.update(piece.tobytes() if piece.dtype.hasobject else piece.data.cast("B"))
