"""The hub that stands in for the real one, judged by the real client in both of its ways to send objects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi
from safetensors.numpy import save_file

from tests.hub_server.fixtures import MODES, TOKEN, HubOf, homes, hub_of, quiet
from tests.hub_server.hub import Hub

__all__ = ["homes", "hub_of", "quiet"]

REPO = "acme/tiny-vae"
CARD = """\
---
license: mit
library_name: aezoo
tags:
- autoencoder
- vae
datasets:
- mnist
pipeline_tag: image-feature-extraction
model-index:
- name: tiny-vae
  results:
  - task: {type: image-reconstruction}
    dataset: {name: MNIST, type: mnist}
    metrics:
    - {type: mse, value: 0.01}
---
# tiny
"""


@pytest.fixture(params=MODES)
def hub(request: pytest.FixtureRequest, hub_of: HubOf) -> Hub:
    """One of either kind; pages and parts are small, so that there are several of each."""
    return hub_of(request.param, page_size=3, part_size=100_000)


@pytest.fixture
def api(hub: Hub) -> HfApi:
    """The client, as alice of acme."""
    return HfApi(endpoint=hub.url, token=TOKEN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as it is published: weights that are large for a part, small ones, text, a picture in a folder."""
    folder = tmp_path / "folder"
    (folder / "samples").mkdir(parents=True)
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((300, 300)).astype("float32")}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    save_file({"b": rng.standard_normal(10).astype("float32")}, folder / "small.safetensors")
    (folder / "spec.json").write_text(json.dumps({"format": 1, "kind": "vae"}))
    (folder / "samples" / "grid.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0" + bytes(range(256)) * 20)
    (folder / "README.md").write_text(CARD)
    return folder


@pytest.fixture
def first(api: HfApi, folder: Path) -> str:
    """The folder, published as REPO; its commit."""
    api.create_repo(REPO)
    return str(api.upload_folder(repo_id=REPO, folder_path=folder, commit_message="first").oid)
