"""Processes for little: one process imports torch and aezoo, and forks for each command.

    child = forks.start("push", folder, "acme/tiny")   # the environment is the caller's, now
    os.kill(child.pid, signal.SIGKILL)
    child.wait().code                                   # -9

A child is as new as a process can be in what is looked at here: it has not imported the Hub's client, which reads the
environment when it is, and it has no thread and no socket of anybody's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

PARENT = """
import json, os, sys, threading
import aezoo.storage.saving, aezoo.cli, aezoo.zoo.pushing, aezoo.cli.pull, aezoo.cli.push
from aezoo.registry.loader import default_registry
default_registry()
assert "huggingface_hub" not in sys.modules and threading.active_count() == 1
speak = os.fdopen(os.dup(1), "w", buffering=1)

def child(order):
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    out, err = (os.open(order["folder"] + "/" + name, os.O_WRONLY | os.O_CREAT, 0o600) for name in ("out", "err"))
    os.dup2(out, 1), os.dup2(err, 2), os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["aezoo", *order["words"]]
    code = 70
    try:
        aezoo.cli.main()
    except SystemExit as leave:
        code = leave.code or 0
    finally:
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)

import select
running = {}
while True:
    # A pipe of one's own children would do; a short wait does, too.
    ready, _, _ = select.select([0], [], [], 0.01 if running else None)
    if ready:
        line = sys.stdin.buffer.raw.readline()
        if not line:
            break
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            child(order)
        running[pid] = order["number"]
        print(json.dumps({"number": order["number"], "pid": pid}), file=speak)
    for pid in [*running]:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            print(json.dumps({"number": running.pop(pid), "code": os.waitstatus_to_exitcode(status)}), file=speak)
"""


class Left(NamedTuple):
    """What a process left; a negative code is the signal that killed it."""

    code: int
    out: str
    err: str


class Child:
    """A process at work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pid = 0
        self.code: int | None = None
        self.born, self.gone = threading.Event(), threading.Event()

    def wait(self, timeout: float = 600) -> Left:
        assert self.gone.wait(timeout), f"a process has not ended in {timeout} s"
        assert self.code is not None
        return Left(self.code, *((self.folder / name).read_text() for name in ("out", "err")))


class Forks:
    """The process that forks, for as long as it is used."""

    def __enter__(self) -> Self:
        self.folder = tempfile.TemporaryDirectory(prefix="forks-")
        self.parent = subprocess.Popen(
            [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.children: list[Child] = []
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.parent.stdin
        assert self.parent.stdout
        self.parent.stdin.close()
        self.parent.wait(300)
        self.listener.join(300)
        self.parent.stdout.close()
        self.folder.cleanup()

    def _listen(self) -> None:
        assert self.parent.stdout
        for line in self.parent.stdout:
            document = json.loads(line)
            child = self.children[document["number"]]
            if "pid" in document:
                child.pid = document["pid"]
                child.born.set()
            else:
                child.code = document["code"]
                child.gone.set()

    def start(self, *words: object, **environment: str) -> Child:
        """`aezoo` with these words, in the environment of the caller and what is named."""
        number = len(self.children)
        folder = Path(self.folder.name) / str(number)
        folder.mkdir()
        for name in ("out", "err"):  # a child may be killed before it opens them
            (folder / name).touch()
        child = Child(folder)
        self.children.append(child)
        order: dict[str, Any] = {
            "number": number,
            "words": [str(word) for word in words],
            "environment": {**os.environ, "COLUMNS": "80", **environment},
            "cwd": os.getcwd(),
            "folder": str(folder),
        }
        assert self.parent.stdin
        self.parent.stdin.write(json.dumps(order) + "\n")
        assert child.born.wait(600)
        return child

    def run(self, *words: object, **environment: str) -> Left:
        """The same, to its end."""
        return self.start(*words, **environment).wait()


Start = Callable[..., Child]
