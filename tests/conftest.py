"""Shared by all tests: neither load nor the environment of the shell changes a result."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Users' stdout is buffered: then a failed write is noticed later, and reported by other code.
os.environ.pop("PYTHONUNBUFFERED", None)

import signal
from collections.abc import Iterator

import pytest
import torch
from hypothesis import HealthCheck, settings

from aezoo.registry.loader import IN_THE_BOX, load
from aezoo.registry.registry import Registry

torch.set_num_threads(1)

# A background job of a shell ignores Ctrl-C, and so would each process that a test starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: the duration depends on the machine. CI draws the same examples each time.
settings.register_profile(
    "aezoo",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aezoo")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="write golden files anew; then read the difference")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--golden"))


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The built-in parts, whatever else is installed or named by other tests."""
    registry = Registry(load)
    load(registry, IN_THE_BOX)
    return registry


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """A run flushes denormals for the whole process; restore them for the next test."""
    yield
    torch.set_flush_denormal(False)
