"""One thread, so that a crowded machine changes nothing; and small dictionaries of known directions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

Document = dict[str, Any]

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
def as_it_was() -> Iterator[None]:
    """A run flushes denormals for the whole process; the next test finds that and the threads as they were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


@pytest.fixture
def dictionary() -> Callable[..., Document]:
    """Specs of 16 orthonormal directions, exactly two of them in a sample; called with the latent and other slots."""
    return _dictionary


def _dictionary(latent: Document, **slots: Any) -> Document:
    document: Document = {
        "name": "small",
        "input": [16],
        "latent": {"dim": 16, **latent},
        "constraints": {"dictionary": {"type": "sparse:unit_norm"}},
        "data": {
            "type": "sparse:dictionary",
            "n": 20_000,
            "features": 16,
            "atoms": 16,
            "active": 2,
            "exact": True,
            "orthonormal": True,
            "validation": 0.0,
        },
        "training": {
            "steps": 800,
            "batch_size": 256,
            "best_by": "last",
            "optimizer": {"type": "adam", "lr": {"type": "cosine", "start": 1e-2, "end": 1e-4}},
        },
    }
    return document | slots
