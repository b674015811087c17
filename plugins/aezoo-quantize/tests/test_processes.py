"""Bundled specs trained by two processes that share each batch, as one process trains them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import aezoo
from aezoo.testing.processes import faults_of_processes

SPECS = Path(str(files("aezoo_quantize") / "specs"))
NAMES = ("vqvae-digits", "rvq-digits", "lfq-digits")
SHORT = ("training.steps=3", "training.batch_size=131", "training.log_every=2")


def test_two_processes_train_what_one_trains() -> None:
    specs = {name: aezoo.read(SPECS / f"{name}.toml", overrides=SHORT) for name in NAMES}
    assert faults_of_processes(specs) == {}
