"""Runs beside each other: what their folders say, and in what their specs differ."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def write(folder: Path, spec: dict[str, Any], metrics: dict[str, Any] | None, **record: Any) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"spec": spec}))
    (folder / "training.json").write_text(json.dumps({"steps": 10, "seconds": 1.5, "ended": "finished", **record}))
    if metrics is not None:
        (folder / "metrics.json").write_text(json.dumps({"metrics": metrics}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    spec = {"name": "a", "input": [4], "encoder": [{"type": "linear", "features": 8}], "latent": {"dim": 2}}
    write(tmp_path / "runs" / "one", spec, {"fvu": 0.5, "mse": 2.0, "psnr": 9.0, "rate": 3.0})
    other = {**spec, "name": "b", "encoder": [{"type": "linear", "features": 16}], "training": {"seed": 1}}
    write(tmp_path / "runs" / "deep" / "two", other, {"fvu": 0.25, "extra": 7.0}, steps=20, ended="patience")
    write(tmp_path / "runs" / "three", spec, None, ended="interrupted")
    (tmp_path / "runs" / ".hidden").mkdir()
    (tmp_path / "runs" / "notes").mkdir()
    return tmp_path / "runs"


def test_runs_stand_in_a_table_with_what_is_not_the_same_in_all(aezoo: Run, folder: Path) -> None:
    done = aezoo("runs", folder)
    assert done.code == 0, done.err
    head, *rows = [line.split() for line in done.out.splitlines()]
    assert head == ["run", "steps", "seconds", "ended", "fvu", "extra", "mse", "encoder.0.features", "training.seed"]
    assert rows == [
        ["deep/two", "20", "1.5", "patience", "0.25", "7", "-", "16", "1"],
        ["one", "10", "1.5", "finished", "0.5", "-", "2", "8", "-"],
        ["three", "10", "1.5", "interrupted", "-", "-", "-", "8", "-"],
    ]


def test_a_run_that_has_no_model_yet_is_one_too(aezoo: Run, folder: Path) -> None:
    from aezoo.storage.checkpoints import Checkpoints

    (folder / "four").mkdir()
    store = Checkpoints(folder / "four")
    store.begin({"spec": {"name": "a", "input": [4], "encoder": [{"type": "linear", "features": 32}]}})
    line = next(line for line in aezoo("runs", folder).out.splitlines() if line.startswith("four"))
    assert line.split() == ["four", "0", "not", "yet", "-", "-", "-", "32", "-", "-"]
    (store.folder / "40.1").mkdir()
    done = json.loads(aezoo("runs", folder, "--json").out)
    assert next(run for run in done if run["run"].endswith("four"))["steps"] == 40


def test_metrics_are_chosen_by_name(aezoo: Run, folder: Path) -> None:
    head = aezoo("runs", folder, "--metric", "rate", "--metric", "fvu").out.splitlines()[0].split()
    assert head[4:6] == ["rate", "fvu"]
    wrong = aezoo("runs", folder, "--metric", "ssim")
    assert wrong.code == 2
    assert "no run has the metric 'ssim'" in wrong.err


def test_as_json_each_run_has_all_its_metrics(aezoo: Run, folder: Path) -> None:
    two, one, three = json.loads(aezoo("runs", folder, "--json").out)
    assert one["metrics"] == {"fvu": 0.5, "mse": 2.0, "psnr": 9.0, "rate": 3.0}
    assert two["differs"] == {"encoder.0.features": 16, "training.seed": 1}
    assert (three["ended"], three["metrics"]) == ("interrupted", {})


def test_a_damaged_run_is_named_and_the_others_are_shown(aezoo: Run, folder: Path) -> None:
    (folder / "one" / "metrics.json").write_text("{")
    done = aezoo("runs", folder)
    assert done.code == 0
    assert "metrics.json is damaged" in done.err
    assert [line.split()[0] for line in done.out.splitlines()] == ["run", "deep/two", "three"]
    assert "metrics.json is damaged" in json.loads(aezoo("runs", folder, "--json").out)[1]["fault"]


def test_a_run_itself_is_one_run(aezoo: Run, folder: Path) -> None:
    rows = aezoo("runs", folder / "one").out.splitlines()
    assert len(rows) == 2
    assert rows[0].split() == ["run", "steps", "seconds", "ended", "fvu", "mse", "psnr"]


def test_a_folder_without_runs_says_what_writes_one(aezoo: Run, tmp_path: Path) -> None:
    for path, words in ((tmp_path, "holds no runs"), (tmp_path / "none", "no such folder")):
        done = aezoo("runs", path)
        assert done.code == 3
        assert words in done.err


def test_trained_runs_are_read(aezoo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for dim in (2, 3):
        settings = ("--set", "data.limit=200", "--set", "training.epochs=1", "--set", f"latent.dim={dim}")
        assert aezoo("train", "vanilla-digits", *settings, "--out", f"runs/{dim}").code == 0
    runs = json.loads(aezoo("runs", "--json").out)
    assert [run["differs"] for run in runs] == [{"latent.dim": 2}, {"latent.dim": 3}]
    for run in runs:
        assert run["metrics"] == json.loads((Path(run["run"]) / "metrics.json").read_text())["metrics"]


def test_a_run_that_links_lead_to_counts_once(aezoo: Run, folder: Path) -> None:
    (folder / "again").symlink_to(folder / "one")
    (folder / "deep" / "loop").symlink_to(folder)
    names = [line.split()[0] for line in aezoo("runs", folder).out.splitlines()[1:]]
    assert names == ["deep/two", "one", "three"]
