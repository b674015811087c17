"""Which samples a folder's pictures show, and how many: originals, draws from the prior, steps between two samples."""

from __future__ import annotations

import dataclasses
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import aezoo
from aezoo.errors import DataWarning
from aezoo.evaluation.scores import Scores
from aezoo.model import Model
from aezoo.storage import pictures, saving
from aezoo.storage.writer import writing
from aezoo.training.results import Run


def build_model(shape: list[int], **changes: Any) -> Model:
    spec = {
        "name": "tiny",
        "input": {"shape": shape, "range": [0, 1]},
        "encoder": ["flatten"] if len(shape) > 1 else [],
        "latent": {"type": "gaussian", "dim": 2},
        "likelihood": "mse",
        "regularizers": {"kl": {}},
    }
    return aezoo.build({**spec, **changes})


Calls = dict[str, dict[str, Any]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What each picture is drawn from, by whether it compares, and by the columns of a grid."""
    calls: Calls = {}

    def comparison(originals: Any, reconstructions: Any, **settings: Any) -> Image.Image:
        calls["comparison"] = {"originals": originals, "reconstructions": reconstructions, **settings}
        return Image.new("RGB", (4, 4))

    def grid(samples: Any, **settings: Any) -> Image.Image:
        calls["interpolations" if "columns" in settings else "samples"] = {"samples": samples, **settings}
        return Image.new("RGB", (4, 4))

    monkeypatch.setattr(pictures, "comparison", comparison)
    monkeypatch.setattr(pictures, "grid", grid)
    return calls


def evaluated(model: Model, n: int) -> Scores:
    values = np.random.default_rng(0).random((n, *model.spec.input.shape)).astype(np.float32)
    return aezoo.evaluate(model, values, split="all")


def test_images_show_all_examples_25_draws_and_three_walks_of_ten_steps(tmp_path: Path, drawn: Calls) -> None:
    model = build_model([1, 4, 4])
    scores = evaluated(model, 20)
    aezoo.save(model, tmp_path / "m", scores=scores)
    assert scores.examples is not None
    originals = scores.examples.originals
    np.testing.assert_array_equal(drawn["comparison"]["originals"], originals)
    np.testing.assert_array_equal(drawn["comparison"]["reconstructions"], scores.examples.reconstructions)
    assert drawn["comparison"]["corrupted"] is None
    assert drawn["samples"]["samples"].shape == (25, 1, 4, 4)
    walk = drawn["interpolations"]
    assert (walk["samples"].shape, walk["columns"]) == ((30, 1, 4, 4), 10)
    expected = model.interpolate(originals[:3], originals[3:6], 10)
    np.testing.assert_allclose(walk["samples"], np.reshape(expected, (30, 1, 4, 4)))
    assert all(call["range"] == (0, 1) for call in drawn.values())


@pytest.mark.parametrize("shape", [[5], [2, 7]])
def test_plots_show_six_columns(tmp_path: Path, drawn: Calls, shape: list[int]) -> None:
    model = build_model(shape, corruption=[{"type": "gaussian_noise", "std": 0.1}])
    scores = evaluated(model, 20)
    aezoo.save(model, tmp_path / "m", scores=scores)
    assert scores.examples is not None
    assert scores.examples.corrupted is not None
    for name in ("originals", "reconstructions", "corrupted"):
        np.testing.assert_array_equal(drawn["comparison"][name], getattr(scores.examples, name)[:6])
    walk = drawn["interpolations"]
    assert (walk["samples"].shape, walk["columns"]) == ((3 * 6, *shape), 6)


@pytest.mark.parametrize(("n", "pairs"), [(1, 0), (2, 1), (5, 2), (6, 3)])
def test_few_examples_make_few_walks_and_one_makes_none(tmp_path: Path, drawn: Calls, n: int, pairs: int) -> None:
    model = build_model([1, 4, 4], likelihood="mse")
    with pytest.warns(DataWarning) if n == 1 else nullcontext():
        scores = evaluated(model, n)
    aezoo.save(model, tmp_path / "m", scores=scores)
    steps = len(drawn["interpolations"]["samples"]) if pairs else None
    assert steps == (10 * pairs if pairs else None)
    assert ("interpolations" in drawn) is bool(pairs)
    assert (tmp_path / "m/samples/interpolations.png").exists() is bool(pairs)


def test_a_prior_that_is_not_fitted_has_no_samples(tmp_path: Path, drawn: Calls) -> None:
    latent = {"type": "deterministic", "dim": 2, "prior": "fitted_gaussian"}
    aezoo.save(build_model([1, 4, 4], latent=latent, regularizers={}), tmp_path / "m")
    assert drawn == {}


def test_a_record_that_is_there_is_not_written_again_and_a_missing_one_is(tmp_path: Path) -> None:
    model = build_model([3])
    run = Run(model, {"seed": 5}, None, [{"step": 1}])
    with writing(tmp_path, force=True) as writer:
        saving.keep_record(writer, run)
        assert json.loads((tmp_path / "training.json").read_text()) == {"seed": 5, "history": [{"step": 1}]}
        saving.keep_record(writer, dataclasses.replace(run, record={"seed": 6}))
    assert json.loads((tmp_path / "training.json").read_text())["seed"] == 5


def test_a_folder_that_was_never_pulled_needs_no_lock_and_its_files_end_in_a_line(tmp_path: Path) -> None:
    model = build_model([3])
    aezoo.save(model, tmp_path / "m", scores=evaluated(model, 4), run=Run(model, {"seed": 5}))
    assert aezoo.load(tmp_path / "m", device="cpu").pulled is False
    for name in ("config.json", "metrics.json", "training.json"):
        assert (tmp_path / "m" / name).read_text().endswith("}\n")
