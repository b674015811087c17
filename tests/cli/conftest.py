"""The command line, run for real: in this process for its logic, in another for what only a process has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from aezoo.cli import main

VECTORS = """\
aezoo = 1
name = "vectors"
input = [6]
latent = { type = "deterministic", dim = 2 }
likelihood = "mse"
data = { type = "gaussian", n = 60, eigenvalues = [4.0, 3.0, 1.0, 0.5, 0.2, 0.1] }

[training]
epochs = 2
batch_size = 16
"""

IMAGES = """\
aezoo = 1
name = "images"
input = [1, 8, 8]
encoder = [{ type = "flatten" }]
latent = { type = "gaussian", dim = 2 }
likelihood = "bernoulli"
regularizers.kl = { weight = 1.0 }
data = { type = "arrays", path = "images.npy" }

[training]
epochs = 1
batch_size = 16
"""


class Result(NamedTuple):
    """What a command left: its exit code and its two streams."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def aezoo(capsys: pytest.CaptureFixture[str]) -> Run:
    """`aezoo("check", "a.toml")`, in this process."""

    def run(*words: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as leave:
            main([str(word) for word in words])
        streams = capsys.readouterr()
        return Result(int(leave.value.code or 0), streams.out, streams.err)

    return run


@pytest.fixture
def process() -> Run:
    """`process("check", "a.toml", columns=40)`: `python -m aezoo` in a process of its own."""

    def run(*words: object, columns: int = 80, **environment: str) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "aezoo", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": str(columns), **environment},
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """A spec of six-dimensional vectors, trained in an instant."""
    path = tmp_path / "vectors.toml"
    path.write_text(VECTORS)
    return path
