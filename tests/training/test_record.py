"""The record of a run: all that training.json says of it, beside the history."""

from __future__ import annotations

import platform
from importlib.metadata import version

import numpy as np
import pytest
import torch

import aezoo
from aezoo.hardware.device import Device
from aezoo.spec.document import Spec
from aezoo.spec.samples import Samples
from aezoo.training import record
from aezoo.training.outcome import Outcome
from aezoo.training.record import record_of

SPEC = {
    "name": "small",
    "input": [2],
    "latent": {"type": "deterministic", "dim": 1},
    "training": {"seed": 7, "precision": "float64", "best_by": "last"},
}


def recorded(spec: Spec) -> dict[str, object]:
    outcome = Outcome(
        {}, step=40, epoch=4, best_step=30, stop_reason="patience", seconds=1.23456, validation={"total": 0.5}
    )
    rows = {"train": np.arange(8), "test": np.arange(8, 10)}
    samples = Samples(np.zeros((10, 2)), "/data/made up.npy")
    return record_of(spec, outcome, samples, rows, device=Device(torch.device("cpu"), "asked for"), threads=3)


def test_a_record_has_all_that_only_the_run_knows() -> None:
    spec = aezoo.read(SPEC)
    assert recorded(spec) == {
        "aezoo": version("aezoo"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": "cpu",
        "device_why": "asked for",
        "threads": 3,
        "precision": "float64",
        "seed": 7,
        "arch": spec.arch,
        "run": spec.run,
        "data": "made up.npy",
        "splits": {"train": 8, "test": 2},
        "steps": 40,
        "best_step": 30,
        "best_by": "last",
        "ended": "patience",
        "seconds": 1.235,
        "validation": {"total": 0.5},
    }


def test_the_plugins_of_a_spec_are_recorded_with_their_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "providers", lambda spec: {"kan": "aezoo-kan>=0.3", "sparse": "aezoo-sparse>=1.0.1"})
    assert recorded(aezoo.read(SPEC))["plugins"] == {"aezoo-kan": "0.3", "aezoo-sparse": "1.0.1"}


def test_a_bundled_spec_is_trained_again_by_its_name_unless_it_was_changed() -> None:
    spec = aezoo.read("vanilla-digits")
    assert recorded(spec)["command"] == "aezoo train vanilla-digits"
    assert "command" not in recorded(aezoo.read(spec.document(), overrides=["training.seed=99"]))
    assert "command" not in recorded(aezoo.read(SPEC))
