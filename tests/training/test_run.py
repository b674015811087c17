"""A whole run: what is trained, judged and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import Interrupted
from aezoo.training import run as running


def spec(**training: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "input": [6],
        "latent": {"type": "deterministic", "dim": 2},
        "data": {"type": "gaussian", "n": 100, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        "training": {"steps": 5, "batch_size": 16, **training},
    }


def test_an_interrupt_while_the_model_is_judged_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "evaluate", interrupted)
    with pytest.raises(Interrupted, match="its weights are kept"):
        aezoo.train(spec(), out=tmp_path / "m")
    assert aezoo.load(tmp_path / "m").reconstruct(np.zeros((2, 6), np.float32)).shape == (2, 6)


def test_a_run_too_short_to_average_keeps_what_it_learned() -> None:
    averaged, plain = (aezoo.train(spec(**more)).model.network.state_dict() for more in ({"ema": 0.9}, {}))
    for name, weights in plain.items():
        torch.testing.assert_close(averaged[name], weights, rtol=0, atol=0)
