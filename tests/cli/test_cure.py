"""cure trains again with what was found, beside the run; compare puts models side by side, with the spread of seeds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Run = Callable[..., Any]
SPEC = """\
aezoo = 1
name = "scales"
input = { shape = [6], kind = "tabular" }
encoder = [{ type = "linear", features = 16 }]
latent = { type = "deterministic", dim = 2 }
data = { type = "arrays", path = "scales.npy" }

[training]
epochs = 12
batch_size = 32
optimizer = { type = "adam", lr = 3e-3 }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 6))
    values[:, 5] = 1e4 * rng.normal(size=600)
    np.save("scales.npy", values.astype(np.float32))
    Path("scales.toml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def test_a_cure_takes_the_patch_and_shows_before_and_after(aezoo: Run, folder: Path) -> None:
    trained = aezoo("train", "scales.toml", "--out", "runs/a")
    assert trained.code == 0, trained.err
    assert "cure: standardize the columns: --set input.normalize=standardize" in trained.err
    assert "AZ712: Columns of different scale" in aezoo("show", "runs/a").err
    done = aezoo("cure", "runs/a", "--json")
    assert done.code == 0, done.err
    cured = json.loads(done.out)
    assert cured["patch"] == ["input.normalize=standardize"]
    assert {finding["code"] for finding in cured["findings"]} == {"AZ712", "AZ725"}
    assert cured["left"] == []
    assert (cured["before"]["fvu"] < 0.01, cured["after"]["fvu"] > cured["before"]["fvu"]) == (True, True)
    assert json.loads((folder / "runs/a-cured/config.json").read_text())["spec"]["input"]["normalize"] == "standardize"
    again = aezoo("cure", "runs/a-cured")
    assert again.code == 1
    assert "nothing was found to be wrong with it" in again.err
    shown = aezoo("cure", "runs/a", "--force")
    assert "gone: AZ712, AZ725; left: nothing" in shown.out


def write(folder: Path, seed: int, fvu: float, *, dim: int = 2, n: int = 60) -> str:
    folder.mkdir(parents=True)
    spec = {"name": folder.name, "latent": {"dim": dim}, "training": {"seed": seed}}
    (folder / "config.json").write_text(json.dumps({"spec": spec}))
    judged = {"dataset": "d", "split": "test", "n": n, "units": "data"}
    (folder / "metrics.json").write_text(json.dumps({"metrics": {"fvu": fvu}, **judged}))
    return str(folder)


def test_runs_that_differ_by_their_seed_have_a_mean_and_a_deviation(aezoo: Run, tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", 0, 0.10), write(tmp_path / "b", 1, 0.14)
    other = write(tmp_path / "c", 0, 0.5, dim=3)
    one, two = json.loads(aezoo("compare", a, b, other, "--json").out)
    assert one["models"] == [a, b]
    assert one["metrics"]["fvu"] == {"mean": pytest.approx(0.12), "deviation": pytest.approx(0.04 / 2**0.5), "n": 2}
    assert two["metrics"]["fvu"] == {"mean": 0.5, "deviation": None, "n": 1}
    assert "0.12 ± 0.028 (n=2)" in aezoo("compare", a, b, other).out


def test_seeds_that_disagree_and_other_samples_are_told_of(aezoo: Run, tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", 0, 0.10), write(tmp_path / "b", 1, 0.20)
    assert "AZ741: Seeds that disagree: fvu of 2 seeds goes from 0.1 to 0.2" in aezoo("compare", a, b).err
    other = write(tmp_path / "c", 0, 0.5, n=61)
    assert "judged on different samples" in aezoo("compare", a, other).err
    assert aezoo("compare", a).code == 2
    assert aezoo("compare", a, "vanilla-digits").code == 2
