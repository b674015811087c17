"""Units of errors and pictures: those of the loss, and the way there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import aezoo
from aezoo.cli.scores_table import print_scores
from aezoo.evaluation.units import Units, drawable
from aezoo.model import Model
from aezoo.storage.card import card

X = (np.arange(12, dtype=np.float32).reshape(4, 3) ** 2) * np.array([1e-3, 1.0, 1e3], np.float32)


def model(normalize: str = "standardize", **changes: Any) -> Model:
    table = {"shape": [3], "normalize": normalize, **changes}
    spec = {"name": "u", "input": table, "latent": {"type": "deterministic", "dim": 1}, "likelihood": "mse"}
    built = aezoo.build(spec, seed=0)
    if normalize == "standardize":
        built.network.normalizer.fit(torch.from_numpy(X))
    return built


def test_units_of_the_loss_have_no_mean_and_unit_variance_and_lead_back() -> None:
    units = Units(model().network)
    y = units.of_data(torch.from_numpy(X))
    assert units.name == "standardized"
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(0, correction=0), 1, rtol=1e-6)
    np.testing.assert_allclose(units.to_data(y), X.astype(np.float64), rtol=1e-12, atol=1e-9)


def test_without_a_normalizer_they_are_the_datas() -> None:
    units = Units(model("none").network)
    assert units.name == "data"
    assert torch.equal(units.of_data(torch.from_numpy(X)), torch.from_numpy(X).double())
    assert torch.equal(units.to_data(torch.from_numpy(X)), torch.from_numpy(X).double())


def test_pictures_show_columns_on_one_scale_unless_a_range_says_which() -> None:
    np.testing.assert_allclose(drawable(model(), X).std(0), 1, rtol=1e-6)
    assert np.array_equal(drawable(model("none"), X), X)
    assert np.array_equal(drawable(model(range=[0, 1e6]), X), X)


def test_a_card_and_the_table_say_in_which_units_errors_are(capsys: Any) -> None:
    for normalize, words, line in (
        ("standardize", "in standardized units", "errors in standardized units"),
        ("none", "averaged over samples, in data units", "4 samples\n"),
    ):
        built = model(normalize)
        scores = aezoo.evaluate(built, X, split="all")
        assert words in card(built.spec, scores.as_dict(), pictures=["reconstructions"])
        assert ("reconstructions, in standardized units" in card(built.spec, pictures=["reconstructions"])) is (
            normalize == "standardize"
        )
        print_scores(scores)
        assert line in capsys.readouterr().out
