"""What a pull and a load do to the machine, as the interpreter itself reports it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hub.sandbox import REPO, Box, box, files
from tests.hub_server.fixtures import MODES, TOKEN, HubOf

__all__ = ["box"]

#: A process that pulls and loads one model to import all that this takes, and another under a hook.
SCRIPT = """
import json, os, sys, warnings
import aezoo, huggingface_hub
aezoo.load("acme/warm")
huggingface_hub.close_session()  # so that connections are made anew, and seen

events, busy = [], False
QUIET = {"open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.utime",
         "shutil.rmtree", "shutil.copyfile", "shutil.move", "fcntl.flock", "fcntl.fcntl", "glob.glob", "glob.glob/2",
         "tempfile.mkdtemp", "tempfile.mkstemp", "pathlib.Path.glob", "pathlib.Path.rglob", "os.truncate"}

def hook(event, args):
    global busy
    if busy:
        return
    busy = True
    try:
        if event == "import":
            known = args[0] in sys.modules
            events.append([event, [args[0], known]])
        elif event in QUIET:
            events.append([event, [str(arg) for arg in args]])
        elif not event.startswith(("object.__getattr__", "sys._getframe", "code.__new__", "time.sleep", "gc.")):
            events.append([event, [repr(arg)[:200] for arg in args]])
    finally:
        busy = False

sys.addaudithook(hook)
model = aezoo.load("acme/tiny")
busy = True
json.dump({"events": events, "name": model.spec.name, "modules": sorted(sys.modules)}, sys.stdout)
"""


@pytest.fixture(scope="session")
def seen() -> dict[str, Any]:
    return {}


@pytest.fixture(params=MODES)
def report(request: pytest.FixtureRequest, hub_of: HubOf, box: Box, seen: dict[str, Any]) -> dict[str, Any]:
    """All that was done, once for each kind of hub."""
    if request.param not in seen:
        hub = hub_of(request.param)
        hub.publish("acme/warm", files())
        hub.publish(REPO, {**files(), "modeling.py": b"x", "x.pkl": b"x"})
        root = str(Path(__file__).resolve().parents[2])
        environment = {**os.environ, "PYTHONPATH": root, "HF_TOKEN": TOKEN, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        seen[request.param] = {**json.loads(done.stdout), "place": str(box.folder), "url": hub.url, "cdn": hub.cdn_url}
    found: dict[str, Any] = seen[request.param]
    return found


def of(report: dict[str, Any], *names: str) -> list[Any]:
    return [args for event, args in report["events"] if event.startswith(names)]


def test_the_hook_sees_the_pull(report: dict[str, Any]) -> None:
    assert report["name"] == "tiny"
    assert len(of(report, "socket.connect")) > 0
    assert len(of(report, "open")) > 20


def test_nothing_is_unpickled(report: dict[str, Any]) -> None:
    assert of(report, "pickle.find_class", "marshal.loads") == []


def test_nothing_is_executed_and_nothing_compiled(report: dict[str, Any]) -> None:
    assert of(report, "exec", "compile") == []


def test_no_module_is_imported_that_was_not_there(report: dict[str, Any]) -> None:
    assert [name for name, known in of(report, "import") if not known] == []


def test_no_process_is_started_and_no_library_loaded(report: dict[str, Any]) -> None:
    forbidden = (
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.fork",
        "os.posix_spawn",
        "os.spawn",
        "pty.",
        "ctypes.dl",
    )
    assert of(report, *forbidden) == []


def test_files_are_written_in_the_store_alone(report: dict[str, Any]) -> None:
    store = f"{report['place']}/homes/aezoo/"
    changed = of(
        report, "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.truncate", "shutil.", "os.utime"
    )
    for path, mode, flags in of(report, "open"):
        if (mode not in ("None", "r", "rb") or int(flags) & (os.O_WRONLY | os.O_RDWR)) and path != "/dev/null":
            changed.append([path])
    assert changed
    # Names that are relative to an open folder are those of shutil.rmtree, which began where it was called.
    assert [args for args in changed if args[0].startswith("/") and not args[0].startswith(store)] == []


def test_nobody_is_spoken_to_but_the_hub_and_its_second_origin(report: dict[str, Any]) -> None:
    ports = {report[name].rpartition(":")[2] for name in ("url", "cdn")}
    assert all("127.0.0.1" in args[1] for args in of(report, "socket.connect"))
    assert {args[1].rpartition(",")[2].strip(" )") for args in of(report, "socket.connect")} <= ports
    assert not {"hf_xet"} & {*report["modules"]}
