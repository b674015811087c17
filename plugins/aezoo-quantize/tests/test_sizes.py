"""Indices of samples whose sizes vary, whole and in tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import DataWarning


def model() -> Any:
    spec = {
        "name": "sizes",
        "input": {"shape": [1, 16, 16], "sizes": 4},
        "encoder": [
            {"type": "conv", "channels": 4, "kernel": 4, "stride": 2, "padding": 1},
            {"type": "conv", "channels": 4, "stride": 2},
            "attention",
        ],
        "latent": {"type": "quantize:fsq", "levels": [5, 5], "layout": "spatial"},
        "likelihood": "mse",
    }
    return aezoo.build(spec, seed=0)


def samples(*shape: int) -> Any:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_a_discrete_code_is_named_and_decoded_at_every_size() -> None:
    fsq, x = model(), samples(2, 1, 24, 20)
    names = fsq.encode(x, what="indices")
    assert names.shape == (2, 6, 5)
    np.testing.assert_allclose(fsq.decode(names), fsq.reconstruct(x), atol=1e-6)
    np.testing.assert_allclose(fsq.decode(names[0]), fsq.decode(names)[0], atol=1e-6)


def test_indices_are_never_blended() -> None:
    fsq, x = model(), samples(1, 1, 64, 64)
    with pytest.warns(DataWarning, match="they are cut in the middle"):
        names, codes = (fsq.encode(x, what=what, tile=32, overlap=16) for what in ("indices", "code"))
    assert names.dtype == np.int64
    embedded = fsq.network.embed(torch.from_numpy(names)).detach().numpy()
    np.testing.assert_allclose(codes, embedded, atol=1e-6)
