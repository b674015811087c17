"""Models that are trained with fields: gaps that a mask leaves out, another target; and used with them afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aezoo
from aezoo.errors import DataError, UsageError

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(200, 2)) @ RNG.normal(size=(2, 6)) + 5).astype("float32")
GAPS = RNG.random(X.shape) < 0.2
GAPS[:, 0] = False
AFTER = (3 * X[:, :3] - 40).astype("float32")
LEARNED = {"type": "gaussian", "variance": "learned"}


def gappy(folder: Path, filled: float = np.nan) -> dict[str, Any]:
    np.savez(folder / "x.npz", x=np.where(GAPS, filled, X), label=np.arange(200) % 3, after=AFTER, seen=1 - GAPS)
    return {
        "name": "gappy",
        "input": {"shape": [6], "normalize": "standardize", "observed": "fields.observed"},
        "fields": {"observed": {"shape": [6]}},
        "mask": "fields.observed",
        "latent": {"type": "gaussian", "dim": 2},
        "likelihood": LEARNED,
        "regularizers": {"kl": {}},
        "data": {"type": "arrays", "path": str(folder / "x.npz"), "key": "x", "missing": "mask"},
        "training": {"steps": 30, "batch_size": 32},
    }


def test_what_stands_in_a_gap_changes_nothing_at_all(tmp_path: Path) -> None:
    spec = gappy(tmp_path)
    gaps = aezoo.train(spec)
    gappy(tmp_path, filled=1000.0)
    data = {key: value for key, value in spec["data"].items() if key != "missing"}
    given = {**spec, "data": data, "fields": {"seen": {"shape": [6]}}, "mask": "fields.seen"}
    given["input"] = {**spec["input"], "observed": "fields.seen"}
    told = aezoo.train(given)
    assert gaps.scores is not None
    assert told.scores is not None
    assert told.scores.metrics == gaps.scores.metrics
    for name, value in gaps.model.network.state_dict().items():
        assert value.equal(told.model.network.state_dict()[name])


def test_a_row_of_gaps_alone_is_refused_by_its_name(tmp_path: Path) -> None:
    spec = gappy(tmp_path)
    np.savez(tmp_path / "x.npz", x=np.where(np.arange(200)[:, None] == 17, np.nan, X))
    with pytest.raises(DataError, match="sample 17: by field 'observed', no value of it counts"):
        aezoo.train(spec)


def test_a_model_of_another_target_is_saved_loaded_and_used(tmp_path: Path) -> None:
    spec = gappy(tmp_path)
    del spec["mask"]
    spec |= {"target": "fields.after", "fields": {**spec["fields"], "after": {"shape": [3]}}}
    run = aezoo.train(spec, out=tmp_path / "model")
    assert run.scores is not None
    assert run.scores.baseline == {}  # PCA is of the input
    loaded = aezoo.load(tmp_path / "model")
    file = tmp_path / "x.npz"
    assert loaded.reconstruct(file).shape == (200, 3)
    observed = 1.0 - GAPS
    np.testing.assert_array_equal(
        loaded.reconstruct(np.where(GAPS, 0, X).astype("float32"), fields={"observed": observed}),
        loaded.reconstruct(file),
    )
    scores = loaded.score(file)
    better = loaded.score(file, fields={"after": loaded.reconstruct(file)})
    assert (better < scores).all()  # nothing is likelier than the mean
    with pytest.raises(DataError, match="holds no field 'observed'"):
        loaded.encode(X)
    assert "after" in (tmp_path / "model" / "README.md").read_text()


def test_a_call_is_told_what_it_gave_wrongly(tmp_path: Path) -> None:
    model = aezoo.build(gappy(tmp_path))
    with pytest.raises(UsageError, match="has no field 'observe'"):
        model.encode(X, fields={"observe": 1 - GAPS})
    with pytest.raises(DataError, match="field 'observed' is 5x6, for 200 samples"):
        model.encode(X, fields={"observed": 1 - GAPS[:5]})
    one = model.encode(X[0], fields={"observed": 1 - GAPS[0]})
    np.testing.assert_allclose(one, model.encode(X, fields={"observed": 1 - GAPS})[0], rtol=1e-5)
    assert model.interpolate(X[0], X[1], 3, fields={"observed": np.ones(6)}).shape == (3, 6)
