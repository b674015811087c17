"""A whole run: what is trained, evaluated and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.data import sources, splits
from aezoo.data.sources import restated
from aezoo.errors import DataError, DataWarning, Interrupted
from aezoo.evaluation import scores
from aezoo.spec.samples import Samples
from aezoo.training import results, setup


def spec(**training: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "input": [6],
        "latent": {"type": "deterministic", "dim": 2},
        "data": {"type": "gaussian", "n": 100, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        "training": {"steps": 5, "batch_size": 16, **training},
    }


def test_the_data_of_a_run_are_opened_checked_and_split_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(name: str, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            return function(*args, **kwargs)

        return call

    for name, function in {"open_samples": sources.open_samples, "check": sources.check, "split": splits.split}.items():
        for module in (setup, results, scores):
            for attribute, value in list(vars(module).items()):
                if value is function:
                    monkeypatch.setattr(module, attribute, counted(name, function))
    run = aezoo.train(spec(), out=tmp_path / "m")
    assert run.scores is not None
    assert calls == ["open_samples", "check", "split"]
    calls.clear()
    assert aezoo.evaluate(run.model).as_dict() == run.scores.as_dict()
    assert calls == ["open_samples", "check", "split"]


def test_an_interrupt_while_the_model_is_evaluated_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(results, "evaluate_split", interrupted)
    with pytest.raises(Interrupted, match="interrupted during evaluation; the weights of step 5 are kept in"):
        aezoo.train(spec(), out=tmp_path / "m")
    assert aezoo.load(tmp_path / "m").reconstruct(np.zeros((2, 6), np.float32)).shape == (2, 6)


def test_a_run_too_short_to_average_keeps_what_it_learned() -> None:
    averaged, plain = (aezoo.train(spec(**more)).model.network.state_dict() for more in ({"ema": 0.9}, {}))
    for name, weights in plain.items():
        torch.testing.assert_close(averaged[name], weights, rtol=0, atol=0)


# --- other data than the spec's own -------------------------------------------------------------------------


def test_a_model_trained_on_a_file_says_so_and_is_evaluated_on_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).random((50, 6), np.float32)
    np.save(tmp_path / "mine.npy", values)
    own = aezoo.read({**spec(), "description": "Of numbers"})
    run = aezoo.train(own, str(tmp_path / "mine.npy"), out="m")
    kept = aezoo.load("m")
    assert kept.spec.data is not None
    assert kept.spec.data.model_dump()["path"] == "mine.npy"
    assert (kept.spec.description, kept.spec.arch, kept.spec.run != own.run) == ("", own.arch, True)
    assert aezoo.evaluate(kept).as_dict()["metrics"] == run.scores.as_dict()["metrics"]  # type: ignore[union-attr]


def test_a_model_trained_on_an_array_has_no_data_of_its_own() -> None:
    run = aezoo.train(spec(), np.random.default_rng(0).random((50, 6), np.float32))
    assert run.model.spec.data is None
    assert "command" not in run.record


def test_a_path_elsewhere_is_kept_by_its_last_name(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.zeros((20, 6), np.float32))
    described = aezoo.read({**spec(), "description": "d", "license": "mit", "paper": "p"})
    changed = restated(described, tmp_path / "mine.npy")
    assert (changed.description, changed.license, changed.paper) == ("", "", "")
    assert restated(described, tmp_path / "mine.npy", kept=["license"]).license == "mit"
    assert changed.data is not None
    assert (
        restated(described, changed.data.model_copy(update={"path": str(tmp_path / "mine.npy")})).data == changed.data
    )
    assert changed.data.model_dump()["path"] == "mine.npy"


STANDARDIZED = {
    "name": "t",
    "input": {"kind": "tabular", "shape": [3], "normalize": "standardize"},
    "latent": {"type": "deterministic", "dim": 2},
    "likelihood": "mse",
    "data": {"type": "gaussian", "n": 4, "eigenvalues": [1.0, 1.0, 1.0], "test": 0.0},
    "training": {"epochs": 1, "batch_size": 16},
}


def test_constant_columns_of_any_size_train_to_finite_weights() -> None:
    run = aezoo.train(
        STANDARDIZED, Samples(np.full((40, 3), 1e30, np.float32), "mine", splits={"train": np.arange(40)})
    )
    assert all(bool(value.isfinite().all()) for value in run.model.network.state_dict().values())


def test_columns_that_fall_together_are_named_before_training_and_float64_tells_them_apart() -> None:
    values = 1e6 + 1e-3 * np.random.default_rng(0).normal(size=(40, 3))
    samples = Samples(values, "mine", splits={"train": np.arange(40)})
    with pytest.warns(DataWarning, match=r"mine: values of columns 0, 1, 2 \(counted from 0\) fall together"):
        aezoo.train(STANDARDIZED, samples)
    exact = {**STANDARDIZED, "training": {**STANDARDIZED["training"], "precision": "float64"}}
    normalizer = aezoo.train(exact, samples).model.network.normalizer
    np.testing.assert_allclose(normalizer.scale.numpy(), values.std(axis=0), rtol=1e-6)
    np.testing.assert_allclose(normalizer.shift.numpy(), values.mean(axis=0), rtol=1e-12)


def test_a_value_beyond_float32_is_refused_before_the_first_step() -> None:
    values = np.zeros((40, 3))
    values[7, 2] = 1e39
    with pytest.raises(DataError, match=r"mine: sample 7, position \[2\]: 1e\+39 is beyond float32"):
        aezoo.train(STANDARDIZED, Samples(values, "mine", splits={"train": np.arange(40)}))


def test_batches_of_one_are_refused_with_batch_normalization_and_with_it_alone() -> None:
    values = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
    spec = {
        "name": "ones",
        "input": {"shape": [4], "kind": "vector"},
        "latent": {"type": "deterministic", "dim": 2},
        "training": {"steps": 2, "batch_size": 1},
    }
    assert aezoo.train(spec, values).record["steps"] == 2
    normed = {**spec, "encoder": [{"type": "linear", "features": 3, "norm": "batch"}]}
    with pytest.raises(DataError, match="at least 2 samples in a pass, this run has 1"):
        aezoo.train({**normed, "training": {"steps": 2}}, Samples(values, "few", splits={"train": np.array([0])}))
