"""A model of the Hub is read, checked and hashed once for a load, be it fetched for that or in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

import aezoo as zoo
from aezoo.storage import lockfile
from tests.hub.conftest import REPO, outputs
from tests.hub_server.hub import Hub
from tests.storage.test_reading_once import assert_once, counted


def hashed(folder: Path) -> int:
    """How many bytes there are to hash."""
    lock = lockfile.read(folder)
    assert lock is not None
    return sum(file.size for file in lock.files)


def test_a_pinned_model_of_the_store_is_read_once(
    hub: Hub, published: str, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = zoo.pull(f"{REPO}@{published}")
    hub.log.clear()
    with counted(monkeypatch) as counts:
        model = zoo.load(f"{REPO}@{published}", device="cpu")
    assert_once(counts, hashed(folder))
    assert not hub.log
    for value, expected in zip(outputs(model), outputs(zoo.load(built / "variational", device="cpu")), strict=True):
        assert (value == expected).all()


def test_a_revision_in_the_store_is_read_once(hub: Hub, published: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = zoo.pull(f"{REPO}@v1")
    with counted(monkeypatch) as counts:
        zoo.load(f"{REPO}@v1", device="cpu")
    assert_once(counts, hashed(folder))


def test_a_model_that_is_fetched_for_a_load_is_read_once(
    hub: Hub, published: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted(monkeypatch) as counts:
        model = zoo.load(f"{REPO}@v1", device="cpu")
    assert model.pulled
    assert_once(counts, hashed(zoo.pull(f"{REPO}@{published}")))
