"""The bits that the benchmarks of likelihoods train and test on."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import aezoo


@pytest.fixture(scope="module")
def binarised() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "binarised.py"
    spec = importlib.util.spec_from_file_location("binarised", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_bit_is_drawn_with_its_grey_value_as_the_probability(binarised):
    grey = np.repeat(np.arange(256, dtype=np.uint8), 20_000).reshape(256, -1)
    bits = binarised.drawn(grey, np.random.default_rng(1)) / 255
    assert set(np.unique(bits)) == {0, 1}
    assert bits[0].max() == 0
    assert bits[255].min() == 1
    # Five standard errors of a mean of 20,000 bits, at most 0.0177.
    np.testing.assert_allclose(bits.mean(axis=1), np.arange(256) / 255, atol=0.0177)


def test_only_the_training_split_is_drawn_again(binarised):
    samples = binarised.bits(draws=2)
    grey = aezoo.read("variational-digits").data.load()
    assert {name: len(rows) for name, rows in samples.splits.items()} == {
        "train": 16_000,
        "validation": 1000,
        "test": 1000,
    }
    first, second = samples.values[:8000], samples.values[8000:16_000]
    assert (first != second).any(axis=(1, 2, 3)).all()
    for name, rows in samples.splits.items():
        white = np.tile(grey.values[grey.splits[name]], (2 if name == "train" else 1, 1, 1, 1))
        assert (samples.values[rows][white == 0] == 0).all()
        assert (samples.values[rows][white == 255] == 255).all()
    # 14 million draws: a fifth of the pixels vary, and the standard error of the mean is below 0.0001.
    assert abs(samples.values.mean() - grey.values[np.r_[:8000, :10_000]].mean()) / 255 < 5e-4
