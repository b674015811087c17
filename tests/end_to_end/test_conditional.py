"""A conditional model, from its training to samples of a class on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import aezoo
from aezoo.cli import main
from aezoo.reading.bundled import bundled_specs
from aezoo.spec.samples import Samples

CENTRES = np.array([[-1.0, 0.0, 1.0], [2.0, -2.0, 0.0], [0.0, 1.0, -3.0]], np.float32)


def test_samples_follow_the_label_that_is_asked_for(tmp_path: Path) -> None:
    """Each class is a point with a little noise: samples of a class lie at its point."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    x = CENTRES[labels] + 0.05 * rng.normal(size=(600, 3)).astype(np.float32)
    spec = {
        "name": "points",
        "input": [3],
        "fields": {"label": {"classes": 3}},
        "encoder": [{"type": "join", "reads": "fields.label"}, {"type": "linear", "features": 16}],
        "latent": {"type": "gaussian", "dim": 1},
        "decoder": [
            {"type": "join", "reads": "fields.label"},
            {"type": "linear", "features": 16},
            {"type": "linear", "features": 3, "activation": "identity"},
        ],
        "likelihood": {"type": "gaussian", "variance": "learned"},
        "regularizers": {"kl": {"weight": 1.0}},
        "training": {"steps": 400, "batch_size": 64, "optimizer": {"type": "adam", "lr": 0.01}},
    }
    aezoo.train(spec, Samples(x, "points", labels=labels), out=tmp_path / "model")
    for label, centre in enumerate(CENTRES):
        out = tmp_path / f"{label}.npy"
        command = ["sample", str(tmp_path / "model"), "--field", f"label={label}", "-n", "50", "--out", str(out)]
        with pytest.raises(SystemExit) as leave:
            main(command)
        assert not leave.value.code
        assert np.abs(np.load(out) - centre).mean() < 0.2


def test_the_bundled_spec_reads_the_label_on_both_sides_of_the_code() -> None:
    spec = aezoo.read(bundled_specs()["conditional-digits"])
    assert "label" in spec.input_fields
    assert "label" in spec.code_fields
