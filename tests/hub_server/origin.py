"""One loopback port: reads requests, asks for a reply, writes it or fails to as the reply says."""

from __future__ import annotations

import contextlib
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.hub_server.wire import Reply, Request

Answer = Callable[[Request], Reply]
#: What http.server looks for on a handler.
VERBS = frozenset(f"do_{verb}" for verb in ("GET", "HEAD", "POST", "PUT", "DELETE"))


class Origin(ThreadingHTTPServer):
    """Serves `answer` at `url` from threads of its own until `close`, which cuts all that is still connected."""

    daemon_threads = False  # so that `server_close` waits for them
    request_queue_size = 128

    def __init__(self, name: str, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name, self.answer = name, answer
        # Two names of one machine: clients before 2.0 tell a storage from the hub by its host alone, whatever its port.
        self.url = f"http://{'127.0.0.1' if name == 'hub' else 'localhost'}:{self.server_address[1]}"
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed or hung up is what these tests are about; all else is a bug, of a hook perhaps."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self.thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection of one client, kept alive between requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Origin

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name in VERBS:
            return self.serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def serve(self) -> None:
        request = Request(self.server.name, self.command, self.path, self.headers, self.read())
        self.write(self.server.answer(request))

    def read(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return b"".join(self.chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def write(self, reply: Reply) -> None:
        if self.server.closing.wait(reply.delay) or reply.silent:
            self.close_connection = True
            return
        self.write_head(reply)
        if self.command != "HEAD":
            self.write_body(reply)
        if reply.cut_after is not None:
            self.close_connection = True

    def write_head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        headers = {"X-Request-Id": secrets.token_hex(6), **reply.headers}
        if reply.stream is None:
            headers.setdefault("Content-Length", str(len(reply.body)))
        elif "Content-Length" not in headers:
            headers["Connection"] = "close"  # which send_header understands
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def write_body(self, reply: Reply) -> None:
        if reply.stream is None:
            self.wfile.write(reply.body[: reply.cut_after])
            return
        for piece in reply.stream:
            self.wfile.write(piece)
            if self.server.closing.wait(reply.pause):
                return
