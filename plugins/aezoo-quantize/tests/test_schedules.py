"""The temperature of signs as a schedule: a loaded model has that of the end of its run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import aezoo

FALLING = {"type": "linear", "start": 2.0, "end": 1.0, "steps": 8}
SPEC = {
    "name": "annealed",
    "input": [4],
    "latent": {"type": "quantize:lfq", "dim": 3, "temperature": FALLING},
    "regularizers": {"entropy": {"type": "quantize:entropy", "weight": 0.1}},
    "training": {"steps": 4, "batch_size": 8},
}
X = np.random.default_rng(0).standard_normal((40, 4)).astype("float32")


def test_a_model_after_load_is_the_model_after_training(tmp_path: Path) -> None:
    run = aezoo.train(SPEC, X, out=tmp_path / "run", device="cpu")
    loaded = aezoo.load(tmp_path / "run")
    # The run ends half way down.
    assert run.model.network.latent.temperature.item() == 1.5
    assert loaded.network.latent.temperature.item() == 1.5
    trained, again = (model.network.encode(torch.from_numpy(X)) for model in (run.model, loaded))
    assert all(torch.equal(one, two) for one, two in zip(trained, again, strict=True))
