"""Fingerprint of samples: whether a run that goes on sees the very data that it began with."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Protocol

import numpy as np

from aezoo.data.stores import chunks
from aezoo.spec.lazy import LazyArray
from aezoo.spec.samples import Array, Samples

#: Bytes that are hashed together: of a mapped file no more than these are in memory.
PIECE = 16 << 20


class Digest(Protocol):
    """A hash that grows."""

    def update(self, data: Any, /) -> None: ...


def fingerprint(samples: Samples, fields: Iterable[str] = ()) -> str:
    """The sha256 of all values, of these fields and of the splits that the set fixes, with their types and shapes.

    Samples that are decoded, such as a folder of a million images, are known by the names, sizes and times of their
    files.

    Args:
        samples: All of them; a mapped file is read piece by piece.
        fields: Those that the spec declares.
    """
    digest = sha256()
    if isinstance(samples.values, LazyArray) and samples.values.decodes:
        digest.update(f"decoded {samples.values.dtype.str} {samples.values.shape}\n".encode())
        for line in samples.values.state():
            digest.update(f"{line}\n".encode(errors="surrogateescape"))
    else:
        _add(digest, "values", samples.values)
    for name in sorted(fields):
        _add(digest, f"field {name}", samples.fields[name])
    for name, array in (("groups", samples.groups), ("times", samples.times)):  # the splits follow from them
        if array is not None:
            _add(digest, name, array)
    for name in sorted(samples.splits):
        _add(digest, f"split {name}", np.asarray(samples.splits[name], np.int64))
    return digest.hexdigest()


def _add(digest: Digest, name: str, array: Array | LazyArray) -> None:
    digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
    if not array.ndim or not array.size:
        digest.update(np.asarray(array).tobytes())
        return
    for _, part in chunks(array, PIECE // array.dtype.itemsize):
        piece = np.ascontiguousarray(part)
        digest.update(piece.tobytes() if piece.dtype.hasobject else piece.data.cast("B"))
