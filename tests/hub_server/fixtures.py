"""Fixtures for tests that need a Hub: import them by name in a conftest.py, then ask for `hub` or `hub_of`.

`hub` is one without Xet, `hub_of("xet", page_size=2)` makes others; `TOKEN` is of alice in acme and writes to them all.
Client, environment (`HF_ENDPOINT`, no token) and subprocesses use the hub made last; each test has its own homes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hub_server.hub import Hub

__all__ = ["MODES", "TOKEN", "HubOf", "homes", "hub", "hub_of", "quiet", "token"]

#: How a client sends objects.
MODES = ("lfs", "xet")
TOKEN = "hf_" + "alice" * 7
HubOf = Callable[..., Hub]
#: What would lead a client to the homes, the Hub or the account of whoever runs the tests.
VARIABLES = ("HF_HUB_CACHE", "HF_ASSETS_CACHE", "HF_XET_CACHE", "HF_TOKEN_PATH", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
SWITCHES = ("HF_HUB_DISABLE_XET", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN")


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: None) -> Path:
    """A folder with HF_HOME (`hf`) and AEZOO_HOME (`aezoo`) in it, for this process and those that it starts."""
    for name in (*VARIABLES, *SWITCHES):
        monkeypatch.delenv(name, raising=False)
    homes = tmp_path / "homes"
    for name, folder in (("HF_HOME", homes / "hf"), ("AEZOO_HOME", homes / "aezoo")):
        folder.mkdir(parents=True)
        monkeypatch.setenv(name, str(folder))
    client_at(homes / "hf", monkeypatch)
    return homes


@pytest.fixture
def quiet() -> Iterator[None]:
    """No progress bars of the client's own in this process."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    loud = not are_progress_bars_disabled()
    disable_progress_bars()
    yield
    if loud:
        enable_progress_bars()


def client_at(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client in this process live in `home`: it read where it lives when it was imported."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _cache_assets, _cache_manager

    places = {
        "HF_HOME": home,
        "HF_HUB_CACHE": home / "hub",
        "HF_ASSETS_CACHE": home / "assets",
        "HF_XET_CACHE": home / "xet",
        "HF_TOKEN_PATH": home / "token",
        "HF_STORED_TOKENS_PATH": home / "stored_tokens",
    }
    for name, folder in places.items():
        monkeypatch.setattr(constants, name, str(folder))
    monkeypatch.setattr(_cache_manager, "HF_HUB_CACHE", constants.HF_HUB_CACHE)  # these two took copies of the names
    monkeypatch.setattr(_cache_assets, "HF_ASSETS_CACHE", constants.HF_ASSETS_CACHE)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def client_of(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client in this process, and those in others, use a hub where no endpoint is set."""
    from huggingface_hub import constants, hf_api

    monkeypatch.delenv("HF_HUB_DISABLE_XET", raising=False)
    for name, value in hub.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(hf_api.api, "endpoint", hub.url)  # whose methods are the client's functions
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not hub.xet)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)


@pytest.fixture
def hub_of(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubOf]:
    """`hub_of(mode, page_size=2, part_size=10_000)`: a hub for this test."""
    from huggingface_hub import close_session

    hubs: list[Hub] = []

    def make(mode: str = "lfs", *, page_size: int = 1000, part_size: int | None = None) -> Hub:
        assert mode in MODES
        hub = Hub(xet=mode == "xet", page_size=page_size, part_size=part_size)
        hubs.append(hub)
        hub.add_user("alice", orgs=["acme"], token=TOKEN)
        client_of(hub, monkeypatch)
        return hub

    yield make
    # The client keeps its connections for the next call; a socket that is left to the collector is a warning.
    close_session()
    for hub in hubs:
        hub.close()


@pytest.fixture
def hub(hub_of: HubOf) -> Hub:
    """A hub that takes objects by Git LFS."""
    return hub_of("lfs")


@pytest.fixture
def token(hub: Hub) -> str:
    """A token that writes to `hub`, for alice and for acme; no client knows it unless it is set."""
    return TOKEN
