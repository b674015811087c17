"""What the fixtures promise: a test sees its own hub and its own homes, and nobody's token."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants, get_token, hf_hub_download, scan_cache_dir, snapshot_download

from tests.hub_server.fixtures import MODES, TOKEN, HubOf


def test_homes_are_new_and_empty_and_no_token_is_known(homes: Path) -> None:
    assert os.environ["HF_HOME"] == constants.HF_HOME == str(homes / "hf")
    assert os.environ["AEZOO_HOME"] == str(homes / "aezoo")
    assert [path.name for path in sorted(homes.rglob("*"))] == ["aezoo", "hf"]
    assert get_token() is None


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_is_told_no_endpoint_uses_the_hub_made_last(hub_of: HubOf, homes: Path, mode: str) -> None:
    first, last = hub_of(mode), hub_of(mode)
    last.publish("acme/small", {"config.json": b"{}"})
    hf_hub_download("acme/small", "config.json")
    snapshot_download("acme/small")
    assert HfApi(token=TOKEN).create_repo("acme/other").repo_id == "acme/other"
    assert (first.log, os.environ["HF_ENDPOINT"]) == ([], last.url)
    assert [Path(repo.repo_path).is_relative_to(homes) for repo in scan_cache_dir().repos] == [True]


def test_the_environment_of_a_process_has_a_token_only_if_it_is_given(hub_of: HubOf) -> None:
    hub = hub_of("xet")
    assert "HF_TOKEN" not in hub.environment()
    assert hub.environment(TOKEN)["HF_TOKEN"] == TOKEN
    assert "HF_HUB_DISABLE_XET" not in {**os.environ, **hub.environment()}
    assert hub_of("lfs").environment()["HF_HUB_DISABLE_XET"] == "1"
