"""HTTP body: the body of a reply, counted and unpacked piece by piece. Imported only where the Hub's client is."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import version
from typing import Any

from aezoo.errors import Refused

#: Packed bytes are unpacked in pieces of this size.
PIECE = 1 << 20
#: The HTTP library of the client: it takes the streams of its own class alone.
LIBRARY = "httpx" if version("huggingface_hub").startswith("1.") else "httpx2"
Stream: Any = import_module(LIBRARY).SyncByteStream


class Counted(Stream):  # type: ignore[misc]
    """The stream of a body, each piece counted before it is handed on.

    Args:
        stream: Of the reply.
        receive: Called with the number of bytes that came; may raise.
        packed: Whether gzip or deflate packed it.
    """

    def __init__(self, stream: Any, receive: Callable[[int], None], *, packed: bool) -> None:
        self.stream = stream
        self.receive = receive
        self.packed = packed

    def __iter__(self) -> Iterator[bytes]:
        for piece in _unpacked(self.stream) if self.packed else self.stream:
            self.receive(len(piece))
            yield piece

    def close(self) -> None:
        """Give the connection back."""
        self.stream.close()


def _unpacked(stream: Any) -> Iterator[bytes]:
    """What gzip and deflate hold, never more than a piece at once."""
    unpacker = zlib.decompressobj(wbits=47)
    try:
        for piece in stream:
            while piece:
                yield unpacker.decompress(piece, PIECE)
                piece = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error:
        message = "a reply came damaged: it cannot be unpacked"
        raise Refused(message, hint="try again later, or over another network") from None
