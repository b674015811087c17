"""A run of each bundled spec that is stopped at some step and goes on ends in the same bits."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

import aezoo
from aezoo.testing.stops import faults_of_stops

SPECS = sorted(Path(str(files("aezoo_masked") / "specs")).glob("*.toml"))
#: Epochs of few steps, so that some stops are at the end of one and the last epoch is cut short.
SHORT = ("training.steps=7", "training.batch_size=256", "training.log_every=2")


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(path: Path) -> None:
    assert faults_of_stops(aezoo.read(path, overrides=SHORT), every=3) == []
