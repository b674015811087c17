"""What aezoo pushed is read by others: the Hub's own command, and plain safetensors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import aezoo
from tests.hub.sandbox import REPO, Box, box, files, written
from tests.hub_server.fixtures import MODES, TOKEN, HubOf
from tests.hub_server.hub import Hub

__all__ = ["box"]

HF = shutil.which("hf") or str(Path(sys.executable).with_name("hf"))


@pytest.fixture(params=MODES)
def hub(request: pytest.FixtureRequest, hub_of: HubOf, box: Box, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub to which the model was pushed; what the command fetches comes over HTTP, since Xet's store takes one
    process at a time."""
    hub = hub_of(request.param)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    aezoo.push(written(box.folder / "here" / "m"), REPO, tag="v1")
    for entry in hub.repository(REPO).head.tree.values():
        hub.read(entry)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    return hub


def hf(*words: object) -> str:
    done = subprocess.run([HF, *map(str, words)], capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(not Path(HF).is_file(), reason="the client's command is not installed")
def test_the_command_of_the_hub_fetches_it_and_finds_it_whole(hub: Hub, box: Box) -> None:
    folder = box.folder / "here" / "fetched"
    hf("download", REPO, "--revision", "v1", "--local-dir", folder)
    names = [name for name in files() if name != "README.md"]  # which tells its new address
    assert {name: (folder / name).read_bytes() for name in names} == {name: files()[name] for name in names}
    hf("download", REPO, "--revision", "v1")
    assert "erified" in hf("cache", "verify", REPO, "--revision", "v1", "--fail-on-missing-files")
    aezoo.load(folder)


def test_plain_safetensors_reads_every_tensor(hub: Hub, box: Box) -> None:
    path = aezoo.pull(f"{REPO}@v1") / "model.safetensors"
    state = aezoo.load(path.parent).network.state_dict()
    with safe_open(path, framework="pt") as file:
        assert {*file.keys()} == {*state}
        assert {*file.metadata()} == {"aezoo"}
        assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in state.items())
