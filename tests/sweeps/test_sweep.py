"""Sweeps: run folders, tables and the best spec, from the command line and from Python."""

from __future__ import annotations

import json
import shutil
import signal
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import aezoo
from aezoo.cli import main
from aezoo.errors import Refused, SpecError, UsageError

SPEC = """\
aezoo = 1
name = "vectors"
input = [6]
latent = { type = "deterministic", dim = 2 }
data = { type = "gaussian", n = 60, eigenvalues = [4.0, 3.0, 1.0, 0.5, 0.2, 0.1] }

[training]
epochs = 2
batch_size = 16
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.toml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def typed(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_a_sweep_gives_run_folders_a_table_and_the_best_spec(spec: Path, typed: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("sweep", spec, "--set", "latent.dim=1,3", "--set", "seed=0..1", "--out", out)
    code, said, err = typed(*words)
    assert code == 0, err
    lines = [line.split() for line in said.splitlines()]
    assert lines[0][:3] == ["latent.dim", "seeds", "validation.total"]
    assert [line[:2] for line in lines[1:3]] == [["3", "2"], ["1", "2"]]  # three values keep more of the variance
    document = json.loads((out / "sweep.json").read_text())
    rows = {row["trial"]: row for row in document["trials"]}
    assert list(rows) == ["dim=1,seed=0", "dim=1,seed=1", "dim=3,seed=0", "dim=3,seed=1"]
    group = document["groups"][1]
    values = [rows[name]["figures"]["validation.total"] for name in group["trials"]]
    spread = group["figures"]["validation.total"]
    assert spread["mean"] == pytest.approx(sum(values) / 2)
    assert spread["deviation"] == pytest.approx(statistics.stdev(values))
    best = min(group["trials"], key=lambda name: rows[name]["figures"]["validation.total"])
    assert document["best"] == best
    assert aezoo.read(out / "best.toml").run == aezoo.load(out / best).spec.run
    assert tomllib.loads((out / "best.toml").read_text())["latent"]["dim"] == 3
    assert (out / "sweep.csv").read_text().splitlines()[0].startswith("trial,latent.dim,training.seed,ended,steps,")
    assert json.loads((out / best / "training.json").read_text())["stacked"] == 2
    runs = typed("runs", out)[1]
    assert "training.seed" in runs
    assert "latent.dim" in runs


def test_what_is_finished_is_not_trained_again(spec: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "out", ["seed=0..2"]
    aezoo.sweep(spec, settings, out=out)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/model.safetensors")}
    shutil.rmtree(out / "seed=1")
    told: list[str] = []
    again = aezoo.sweep(spec, settings, out=out, tell=told.append)
    assert told == ["seed=1: done"]
    after = {path: path.stat().st_mtime_ns for path in out.glob("*/model.safetensors")}
    assert {path for path in after if after[path] != before[path]} == {out / "seed=1" / "model.safetensors"}
    assert len(again.rows) == 3


def test_each_trial_is_the_model_of_a_run_alone(spec: Path, tmp_path: Path) -> None:
    aezoo.sweep(spec, {"training.seed": [3, 4]}, out=tmp_path / "out")
    alone = aezoo.train(spec, seed=4)
    stacked = aezoo.load(tmp_path / "out" / "seed=4")
    for name, value in alone.model.network.state_dict().items():
        # Sums of float32 products in another order.
        torch.testing.assert_close(stacked.network.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    assert alone.record["validation"] == pytest.approx(
        json.loads((tmp_path / "out" / "seed=4" / "training.json").read_text())["validation"], rel=1e-4
    )


def test_without_stacking_and_in_processes_the_bits_are_those_of_train(spec: Path, tmp_path: Path) -> None:
    aezoo.sweep(spec, ["seed=1..2"], out=tmp_path / "one", stack=False)
    aezoo.sweep(spec, ["seed=1..2"], out=tmp_path / "two", stack=False, jobs=2, threads=1)
    aezoo.train(spec, seed=2, out=tmp_path / "alone")
    files = [tmp_path / folder / "model.safetensors" for folder in ("one/seed=2", "two/seed=2", "alone")]
    assert len({path.read_bytes() for path in files}) == 1


def test_every_spec_is_checked_before_any_is_trained(spec: Path, typed: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, _, err = typed("sweep", spec, "--set", "latent.dim=2,-1", "--set", "training.lr=1,2", "--out", out)
    assert code == 1
    assert "latent.dim" in err
    assert "training.lr" in err
    assert not out.exists()


def test_a_fault_of_some_trials_names_them(spec: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"\[dim=-1,seed=0; dim=-1,seed=1\]"):
        aezoo.sweep(spec, ["latent.dim=2,-1", "seed=0..1"], out=tmp_path / "out")


def test_trials_of_another_sweep_are_not_replaced(spec: Path, tmp_path: Path) -> None:
    aezoo.sweep(spec, ["seed=0..1"], out=tmp_path / "out")
    with pytest.raises(Refused, match="holds a trial of another spec"):
        aezoo.sweep(spec, ["seed=0..1", "training.epochs=1"], out=tmp_path / "out")
    done = aezoo.sweep(spec, ["seed=0..1", "training.epochs=1"], out=tmp_path / "out", force=True)
    assert {row.record["steps"] for row in done.rows} == {3}


def test_what_cannot_be_stacked_is_trained_one_by_one_and_says_why(spec: Path, tmp_path: Path) -> None:
    told: list[str] = []
    done = aezoo.sweep(spec, ["seed=0..1", "training.micro_batch=8"], out=tmp_path / "out", tell=told.append)
    assert done.stacked == 0
    assert done.remarks == ["seed=0 and 1 more, one by one: its batches are cut into micro-batches"]
    assert told[1:] == [*done.remarks, "seed=0: done", "seed=1: done"]


def test_a_trial_that_fails_is_named_and_the_others_are_kept(spec: Path, typed: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    rates = "training.optimizer.lr=1e30,0.01"
    code, said, err = typed("sweep", spec, "--set", "training.optimizer.type=sgd", "--set", rates, "--out", out)
    assert code == 6
    assert "1 of 2 trials failed; lr=1e30: the loss turned not finite" in err
    assert "best: lr=0.01" in said


def test_trials_that_cannot_be_stacked_are_not_trained_again_and_may_be_replaced(spec: Path, tmp_path: Path) -> None:
    settings = ["seed=0..1", "training.micro_batch=8"]
    out = tmp_path / "out"
    aezoo.sweep(spec, settings, out=out)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/model.safetensors")}
    assert len(before) == 2
    again = aezoo.sweep(spec, settings, out=out)
    assert not [row.failure for row in again.rows if row.failure]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    other = aezoo.sweep(spec, ["seed=0..1", "training.micro_batch=4"], out=out, force=True)
    assert not [row.failure for row in other.rows if row.failure]


def test_a_term_that_no_trial_has_is_named_after_the_training(spec: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no term is called 'recon'"):
        aezoo.sweep(spec, ["seed=0"], by="recon", out=tmp_path / "out")
    assert (tmp_path / "out" / "sweep.json").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_sweep_that_is_stopped_goes_on_to_the_same_bits(spec: Path, tmp_path: Path) -> None:
    words = ["sweep", spec, "--set", "seed=0..1", "--set", "training.epochs=100", "--threads", "1", "--device", "cpu"]
    command = [sys.executable, "-m", "aezoo", *map(str, words), "--out"]
    process = subprocess.Popen([*command, str(tmp_path / "out")], stderr=subprocess.PIPE, text=True)
    log = tmp_path / "out" / "seed=1" / "metrics.jsonl"
    while not (log.is_file() and log.stat().st_size):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 75, err
    assert "the same command goes on" in err
    for folder in ("out", "whole"):
        done = subprocess.run([*command, str(tmp_path / folder)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    for name in ("seed=0", "seed=1"):
        first, second = (tmp_path / folder / name / "model.safetensors" for folder in ("out", "whole"))
        assert first.read_bytes() == second.read_bytes()
