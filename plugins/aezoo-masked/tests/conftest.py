"""One thread, so that a crowded machine changes nothing."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator

import pytest
import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)

# No example is late: how long one takes is the machine's affair.
settings.register_profile(
    "aezoo",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aezoo")


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """A run flushes denormals for the whole process; the next test finds them as they were."""
    yield
    torch.set_flush_denormal(False)
