"""The models in the box, published: what lies on the Hub has the hashes of what lies in the wheel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import aezoo
from aezoo.storage import lockfile
from aezoo.zoo import embedded
from tests.hub_server.hub import Hub

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "aezoo", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def signed(hub: Hub, token: str, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setenv("HF_TOKEN", token)
    return hub


def test_the_whole_box_is_published_with_equal_hashes_and_once(signed: Hub) -> None:
    done = run("zoo", "publish", "--all", "acme", "--tag", "v1", "--json")
    assert done.returncode == 0, done.stderr
    assert [(row["repo"], row["changed"]) for row in json.loads(done.stdout)] == [
        (f"acme/{name}", True) for name in embedded.names()
    ]
    for name in embedded.names():
        here, there = lockfile.read(embedded.folder(name)), lockfile.read(aezoo.pull(f"acme/{name}@v1"))
        assert here is not None
        assert there is not None
        assert {file.name: file for file in here.files} == {file.name: file for file in there.files}
    again = run("zoo", "publish", "--all", "acme", "--tag", "v1", "--json")
    assert not any(row["changed"] for row in json.loads(again.stdout))


def test_a_rehearsal_asks_nobody(hub: Hub) -> None:
    done = run("zoo", "publish", "ae-mnist", "acme", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "acme/ae-mnist  config.json" in done.stdout
    assert not hub.log


def test_all_or_some_must_be_said(hub: Hub) -> None:
    assert run("zoo", "publish", "acme").returncode == 2
    assert run("zoo", "publish", "--all", "ae-mnist", "acme").returncode == 2
    assert run("zoo", "publish", "ae-mnits", "acme").returncode == 3


def test_the_script_for_a_live_hub_works_against_this_one(signed: Hub) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "live_hub.py"), "acme", "dae-signals"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "dae-signals: pushed, pulled, loaded and compared as acme/aezoo-live-" in done.stdout
    assert not [name for name in signed.repositories if "aezoo-live" in str(name)]
