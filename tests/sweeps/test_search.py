"""Searches: ranges, trials in run folders, pruning, several processes on one study, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import aezoo
from aezoo.cli import main
from aezoo.errors import Refused, Resumable, SpecError, UsageError
from aezoo.sweeps.ranges import Choice, Range, range_of, ranges_of

SPEC = """\
aezoo = 1
name = "vectors"
input = [6]
latent = { type = "deterministic", dim = 2 }
data = { type = "gaussian", n = 60, eigenvalues = [4.0, 3.0, 1.0, 0.5, 0.2, 0.1] }

[training]
epochs = 4
batch_size = 16
"""
RANGES = ["latent.dim=1..5", "training.optimizer.lr=1e-4..1e-1:log"]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    pytest.importorskip("optuna")
    path = tmp_path / "vectors.toml"
    path.write_text(SPEC)
    return path


def test_ranges_are_read() -> None:
    assert range_of("latent.dim=4..64") == Range("latent.dim", 4, 64, whole=True)
    assert range_of("lr = 1e-4..1e-2:log") == Range("lr", 1e-4, 1e-2, whole=False, log=True)
    assert range_of("x=-2..0.5") == Range("x", -2, 0.5, whole=False)
    assert range_of("a.type=adam,sgd") == Choice("a.type", ("adam", "sgd"))
    assert range_of("seed=0..3").path == "training.seed"
    assert ranges_of({"latent.dim": "4..64"}) == [Range("latent.dim", 4, 64, whole=True)]
    assert range_of("latent.dim=4..64").text(8.0) == "8"
    assert range_of("lr=0..1").text(1) == "1"
    assert range_of("lr=0..1.0").text(1) == "1.0"


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("latent.dim", "--search takes PATH=RANGE", ""),
        ("dim=64..4", "--search dim=64..4: a range goes up", "write dim=4..64"),
        ("lr=0..1:log", "a logarithmic range begins above 0", "begin at 1e-6, or leave :log out"),
        ("dim=a..4", "'a' is no number", "a range is LOW..HIGH, such as 4..64"),
        ("dim=4", "it takes a range or values between commas", "--search dim=4..64, or --set dim=VALUE for one value"),
    ],
)
def test_what_is_no_range_is_refused(text: str, said: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        range_of(text)
    assert said in error.value.message
    assert error.value.hint == hint


def test_a_search_keeps_a_run_of_each_trial_and_the_best_spec(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["sweep", spec, *(word for text in RANGES for word in ("--search", text)), "--trials", 8, "--out", out]
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    said = capsys.readouterr().out
    assert left.value.code == 0
    document = json.loads((out / "sweep.json").read_text())
    trials = document["trials"]
    assert [trial["trial"] for trial in trials] == [f"trial-{n:04}" for n in range(8)]
    assert all(1 <= int(trial["settings"]["latent.dim"]) <= 5 for trial in trials)
    assert all(1e-4 <= float(trial["settings"]["training.optimizer.lr"]) <= 1e-1 for trial in trials)
    whole = [trial for trial in trials if trial["ended"] == "finished"]
    best = min(whole, key=lambda trial: trial["figures"]["validation.total"])
    assert document["best"] == best["trial"]
    assert f"best: {best['trial']} by validation.total" in said
    assert aezoo.read(out / "best.toml").run == aezoo.load(out / best["trial"]).spec.run
    # A pruned one says so, has a model, and ended before the others: after the fifth that the median is taken of.
    pruned = [trial for trial in trials if trial["ended"] == "pruned"]
    assert pruned
    assert all(trial["steps"] < whole[0]["steps"] and int(trial["trial"][-4:]) >= 5 for trial in pruned)
    record = json.loads((out / pruned[0]["trial"] / "training.json").read_text())
    assert record["ended"] == "pruned"
    aezoo.load(out / pruned[0]["trial"])
    # A trial is the run of its spec, to the bit.
    aezoo.train(aezoo.load(out / best["trial"]).spec, out=tmp_path / "alone")
    files = [folder / "model.safetensors" for folder in (tmp_path / "alone", out / best["trial"])]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_search_is_the_same_again_and_goes_on_to_more_trials(spec: Path, tmp_path: Path) -> None:
    one = aezoo.sweep(spec, search=RANGES, trials=1, out=tmp_path / "one", prune=False)
    assert len(aezoo.sweep(spec, search=RANGES, trials=1, out=tmp_path / "one", prune=False).rows) == 1
    two = aezoo.sweep(spec, search=RANGES, trials=2, out=tmp_path / "one", prune=False)
    again = aezoo.sweep(spec, search=RANGES, trials=2, out=tmp_path / "two", prune=False)
    assert [row.trial.settings for row in two.rows] == [row.trial.settings for row in again.rows]
    assert two.rows[0].trial.settings == one.rows[0].trial.settings != two.rows[1].trial.settings
    assert [row.figures for row in two.rows] == [row.figures for row in again.rows]
    assert {row.record["ended"] for row in two.rows} == {"finished"}


class Stopping:
    """Sends a signal at the end of the second epoch."""

    interval = 1e9

    def start(self, steps: int) -> None: ...
    def show(self, step: int, terms: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...

    def epoch(self, epoch: int, *_: object) -> None:
        import signal

        if epoch == 2:
            signal.raise_signal(signal.SIGTERM)


def test_a_trial_that_was_stopped_is_gone_on_with(spec: Path, tmp_path: Path) -> None:
    with pytest.raises(Resumable) as error:
        aezoo.sweep(spec, search=RANGES, trials=1, out=tmp_path / "one", progress=Stopping())
    assert error.value.hint == "the same command goes on with the search"
    done = aezoo.sweep(spec, search=RANGES, trials=1, out=tmp_path / "one")
    never = aezoo.sweep(spec, search=RANGES, trials=1, out=tmp_path / "two")
    assert done.rows[0].record["resumed"]
    assert [row.figures for row in done.rows] == [row.figures for row in never.rows]


def test_processes_share_a_study(spec: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [sys.executable, "-m", "aezoo", "sweep", spec, "--search", "latent.dim=1..5", "--trials", 4, "--out", out]
    environment = {**os.environ, "AEZOO_PROGRESS": "0", "OMP_NUM_THREADS": "1"}
    begun: list[subprocess.Popen[str]] = [
        subprocess.Popen([*map(str, words)], env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[1] for process in begun]
    assert [process.returncode for process in begun] == [0, 0], said
    trained = [line.partition(":")[0] for text in said for line in text.splitlines() if line.startswith("trial-")]
    assert sorted(trained) == [f"trial-{n:04}" for n in range(4)]  # each once
    assert len(json.loads((out / "sweep.json").read_text())["trials"]) == 4


def test_a_choice_and_a_setting_beside_it(spec: Path, tmp_path: Path) -> None:
    done = aezoo.sweep(
        spec, {"training.epochs": [1]}, search=["training.optimizer.type=adam,sgd"], trials=1, out=tmp_path / "out"
    )
    assert {row.trial.spec.training.epochs for row in done.rows} == {1}
    assert {row.trial.settings["training.optimizer.type"] for row in done.rows} <= {"adam", "sgd"}


def test_a_range_that_a_spec_does_not_take_is_refused_before_any_training(spec: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"latent\.dim"):
        aezoo.sweep(spec, search=["latent.dim=-3..5"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"settings": ["seed=0..1"]}, "beside --search a setting has one value"),
        ({"settings": ["latent.dim=2"]}, "latent.dim is set and searched"),
        ({"jobs": 2}, "a search trains one trial at a time"),
        ({"storage": "nothing"}, "the storage nothing cannot be opened"),
        ({"trials": 0}, "trials=0"),
    ],
)
def test_what_does_not_go_together_is_refused(spec: Path, tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        aezoo.sweep(spec, search=["latent.dim=1..5"], out=tmp_path / "out", **more)
    assert said in error.value.message


def test_another_search_in_the_folder_is_refused(spec: Path, tmp_path: Path) -> None:
    aezoo.sweep(spec, search=["latent.dim=1..5"], trials=1, out=tmp_path / "out")
    with pytest.raises(Refused, match="holds another search"):
        aezoo.sweep(spec, search=["latent.dim=1..6"], trials=1, out=tmp_path / "out")
    aezoo.sweep(spec, ["seed=0..1"], out=tmp_path / "grid")
    with pytest.raises(Refused, match="holds another sweep"):
        aezoo.sweep(spec, search=["latent.dim=1..6"], trials=1, out=tmp_path / "grid")


def test_a_term_that_is_not_there_is_named(spec: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no term is called 'reconstrution'") as caught:
        aezoo.sweep(spec, search=["latent.dim=1..5"], trials=3, by="reconstrution", out=tmp_path / "out")
    assert caught.value.hint == "did you mean 'reconstruction'?"
    assert not (tmp_path / "out" / "trial-0001").exists()


def test_without_the_library_what_to_type_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    path = tmp_path / "vectors.toml"
    path.write_text(SPEC)
    with pytest.raises(SystemExit) as left:
        main(["sweep", str(path), "--search", "latent.dim=1..5", "--out", str(tmp_path / "out")])
    assert left.value.code == 2
    assert 'hint: pip install "aezoo[sweep]"' in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main(["sweep", str(path), "--out", str(tmp_path / "out")])
    assert left.value.code == 2
    assert "nothing varies" in capsys.readouterr().err
