"""The hub as a process of its own: prints how a client finds it, an empty line, and stays until it is interrupted.

python -m tests.hub_server          # Git LFS
python -m tests.hub_server --xet    # the client's default way to send
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading

from tests.hub_server.hub import Hub


def main() -> None:
    # A background job of a shell is born with it ignored, and would stay for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Hub(xet="--xet" in sys.argv) as hub:
        for name, value in hub.environment(hub.add_user("alice", orgs=["acme"])).items():
            print(f"{name}={value}")  # noqa: T201
        # Whoever reads the empty line may interrupt at once.
        with contextlib.suppress(KeyboardInterrupt):
            print(flush=True)  # noqa: T201
            threading.Event().wait()


if __name__ == "__main__":
    main()
