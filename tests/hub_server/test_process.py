"""Hub and client in processes of their own: what each has to know, and what is left when one is killed."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.hub_server.fixtures import MODES, TOKEN
from tests.hub_server.hub import Hub
from tests.hub_server.wire import Request

ROOT = Path(__file__).resolve().parents[2]
PUSH = """
from huggingface_hub import CommitOperationAdd, HfApi
files = [CommitOperationAdd("config.json", b"{}"), CommitOperationAdd("model.safetensors", bytes(1000))]
HfApi().create_commit("acme/small", files, commit_message="all")
"""


@pytest.mark.parametrize("mode", MODES)
def test_a_hub_of_its_own_says_how_to_find_it(mode: str, homes: Path) -> None:
    words = [sys.executable, "-m", "tests.hub_server", *(["--xet"] if mode == "xet" else [])]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = itertools.takewhile(str.strip, process.stdout)  # up to the empty one, or its end
            variables = dict(line.strip().split("=", 1) for line in lines)
            assert ("HF_HUB_DISABLE_XET" in variables) == (mode == "lfs")
            assert HfApi(endpoint=variables["HF_ENDPOINT"], token=variables["HF_TOKEN"]).whoami()["name"] == "alice"
            process.send_signal(signal.SIGINT)
            assert process.wait(600) == 0
        finally:
            process.kill()


def test_a_hub_of_its_own_ends_where_interrupts_are_ignored(homes: Path) -> None:
    """As in a background job of a shell that has no job control."""
    words = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "tests.hub_server"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert [*itertools.takewhile(str.strip, process.stdout)]
            process.send_signal(signal.SIGINT)
            assert process.wait(600) == 0
        finally:
            process.kill()


def test_a_client_of_its_own_finds_the_hub_that_was_made_last(hub: Hub) -> None:
    hub.create("acme/small")
    done = subprocess.run([sys.executable, "-c", PUSH], env={**os.environ, "HF_TOKEN": TOKEN}, check=False)
    assert done.returncode == 0
    tree = hub.repository("acme/small").head.tree
    assert {path: hub.read(tree[path]) for path in ("config.json", "model.safetensors")} == {
        "config.json": b"{}",
        "model.safetensors": bytes(1000),
    }


@pytest.mark.parametrize("number", [1, 3])
def test_a_client_can_be_killed_at_any_request(hub: Hub, number: int) -> None:
    hub.create("acme/small")
    killed: list[Request] = []

    def kill(request: Request) -> None:
        process.kill()
        process.wait()
        killed.append(request)

    hub.at_request(number, kill)
    with subprocess.Popen([sys.executable, "-c", PUSH], env={**os.environ, "HF_TOKEN": TOKEN}) as process:
        process.wait(600)
    assert process.returncode == -signal.SIGKILL
    assert [request.number for request in killed] == [number]
    # What had arrived whole is done: with Xet the third request is the commit.
    added = hub.repository("acme/small").head.tree.keys() - {".gitattributes"}
    assert added in (set(), {"config.json", "model.safetensors"})
