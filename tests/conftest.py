"""Shared by all tests: one thread, so that a crowded machine changes nothing."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator

import pytest
import torch

from aezoo.registry.loader import IN_THE_BOX, load
from aezoo.registry.registry import Registry

torch.set_num_threads(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="write golden files anew; then read the difference")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--golden"))


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The parts in the box, whatever else is installed or named by other tests."""
    registry = Registry(load)
    load(registry, IN_THE_BOX)
    return registry


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """A run flushes denormals for the whole process; the next test finds them as they were."""
    yield
    torch.set_flush_denormal(False)
