"""Bundled specs on the embedded digits, cut short: they already beat the best linear model of their kind.

`benchmarks/zoo.py` trains them to the end; docs/results.md has those figures.
"""

from __future__ import annotations

import pytest

import aezoo
from aezoo.reading.bundled import bundled_specs


@pytest.mark.parametrize(
    ("name", "epochs"),
    [
        ("vanilla-digits", 24),
        pytest.param("convolutional-digits", 9, marks=pytest.mark.slow),
        pytest.param("variational-digits", 15, marks=pytest.mark.slow),
    ],
)
def test_a_bundled_spec_reconstructs_better_than_pca_of_the_same_width(name: str, epochs: int) -> None:
    run = aezoo.train(aezoo.read(name, overrides=[f"training.epochs={epochs}"]))
    assert run.scores is not None
    assert run.scores.n == 1000
    assert run.scores.metrics["squared_error"] < run.scores.baseline["pca"]["squared_error"]


@pytest.mark.slow
def test_the_bundled_denoiser_beats_the_wiener_filter() -> None:
    run = aezoo.train(aezoo.read("denoising-digits", overrides=["training.epochs=4"]))
    assert run.scores is not None
    model = run.scores.metrics["denoising_squared_error"]
    assert model < run.scores.baseline["wiener"]["denoising_squared_error"]
    assert model < run.scores.baseline["noisy input"]["denoising_squared_error"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(bundled_specs()))
def test_every_bundled_spec_trains_within_five_minutes(name: str) -> None:
    run = aezoo.train(name)
    assert run.record["ended"] == "finished"
    assert run.record["seconds"] < 300
