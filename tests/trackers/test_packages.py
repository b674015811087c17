"""Each tracker against its real package, which writes to a folder; and how a run and the command line choose them."""

from __future__ import annotations

import json
import shutil
import signal
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import aezoo
from aezoo.cli import main
from aezoo.errors import Resumable, UsageError
from aezoo.storage.layout import survey
from aezoo.trackers import choice
from aezoo.trackers.choice import Kind, chosen
from aezoo.trackers.listener import TrackerWarning
from aezoo.trackers.tracker import NOTE, TrackedRun

SPEC: dict[str, Any] = {
    "aezoo": 1,
    "name": "vectors",
    "input": [6],
    "latent": {"type": "deterministic", "dim": 2},
    "data": {"type": "gaussian", "n": 60, "eigenvalues": [4.0, 3.0, 1.0, 0.5, 0.2, 0.1]},
    "training": {"epochs": 6, "batch_size": 16, "log_every": 2},
}


class Stopping:
    """Asks a run to stop, as a signal does, at the end of an epoch."""

    interval = 1e9

    def __init__(self, epoch: int) -> None:
        self.at = epoch

    def start(self, steps: int) -> None: ...
    def show(self, step: int, terms: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...

    def epoch(self, epoch: int, *_: object) -> None:
        if epoch == self.at:
            signal.raise_signal(signal.SIGTERM)


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def expected(folder: Path, name: str) -> list[tuple[int, float]]:
    """The steps and values of `train/total` in the records of a run."""
    split, term = name.split("/")
    return [(r["step"], r[term]) for r in records(folder) if r["split"] == split]


def stopped_and_resumed(folder: Path, tracker: str) -> None:
    """A run of six epochs that is stopped after three; it goes on from an earlier state than its last record."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # what a package says of other packages is no concern of ours
        warnings.simplefilter("error", TrackerWarning)
        with pytest.raises(Resumable):
            aezoo.train(SPEC, out=folder, track=tracker, progress=Stopping(3))
        aezoo.resume(folder)


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The scalars of event files, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_has_the_records_of_a_run_that_was_stopped(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = tmp_path / "one"
    stopped_and_resumed(out, "tensorboard")
    found = curves(out / "tensorboard")
    for name in ("train/total", "validation/total"):
        steps, values = zip(*expected(out, name), strict=True)
        assert [step for step, _ in found[name]] == [*steps]
        assert [value for _, value in found[name]] == pytest.approx([*values], rel=1e-6)  # it keeps float32
    events = EventAccumulator(str(out / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    (text,) = events.Tensors("spec/text_summary")
    assert b'name = "vectors"' in text.tensor_proto.string_val[0]


def test_a_run_that_replaces_another_begins_new_curves(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    out = tmp_path / "one"
    aezoo.train(SPEC, out=out, track=["tensorboard"])
    shutil.copytree(out, tmp_path / "copy")
    aezoo.train(SPEC, out=out, track=["tensorboard"], force=True, seed=7)
    assert [value for _, value in curves(out / "tensorboard")["train/total"]] == pytest.approx(
        [value for _, value in expected(out, "train/total")], rel=1e-6
    )
    assert expected(out, "train/total") != expected(tmp_path / "copy", "train/total")
    aezoo.train(SPEC, out=out, force=True)
    assert not [*(out / NOTE).iterdir()]  # a run that is resumed has the trackers that it had, not those of others


@pytest.mark.filterwarnings("default")
def test_wandb_has_an_offline_run_that_goes_on_under_its_id(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    out = tmp_path / "one"
    stopped_and_resumed(out, "wandb")
    files = sorted((out / NOTE / "wandb").glob("offline-run-*/*.wandb"))
    known = json.loads((out / NOTE / "wandb.json").read_text())
    assert {path.name for path in files} == {f"run-{known['run']}.wandb"}
    assert known["records"] == len(records(out))
    assert b"validation/total" in b"".join(path.read_bytes() for path in files)
    assert not [name for name in survey(out).left if "wandb" in name]  # a link among files to publish is refused


@pytest.mark.filterwarnings("default")
def test_mlflow_has_each_step_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    out = tmp_path / "one"
    stopped_and_resumed(out, "mlflow")
    client = tracking.MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("aezoo").experiment_id])
    assert run.info.run_name == "one"
    assert 'name = "vectors"' in run.data.tags["spec"]
    kept = client.get_metric_history(run.info.run_id, "train/total")
    assert sorted((metric.step, metric.value) for metric in kept) == sorted(expected(out, "train/total"))


@pytest.mark.filterwarnings("default")
def test_trackio_has_each_step_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    trackio = pytest.importorskip("trackio")
    out = tmp_path / "one"
    stopped_and_resumed(out, "trackio")
    logs = trackio.Api().runs("aezoo")[0].history()
    assert sorted(row["step"] for row in logs if "train/total" in row) == [s for s, _ in expected(out, "train/total")]


# --- how they are chosen, and what a bad one does ---------------------------------------------------------------


class Bad:
    """A tracker that raises at its first record."""

    def __init__(self, run: TrackedRun) -> None:
        self.known = "bad"

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        raise ValueError("full")

    def flush(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def bad(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(choice.KINDS, "tensorboard", Kind(__name__, "Bad", "json"))
    monkeypatch.setattr(choice, "import_module", lambda name: __import__("types").SimpleNamespace(Bad=Bad))
    return "tensorboard"


def test_a_tracker_that_raises_changes_no_bit_of_a_run(bad: str, tmp_path: Path) -> None:
    aezoo.train(SPEC, out=tmp_path / "without")
    with pytest.warns(TrackerWarning) as told:
        aezoo.train(SPEC, out=tmp_path / "with", track=bad)
    assert len([warning for warning in told if issubclass(warning.category, TrackerWarning)]) == 1
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes()


def test_names_are_of_an_argument_or_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "installed", lambda name: True)
    monkeypatch.delenv("AEZOO_TRACK", raising=False)
    assert chosen(None) is chosen(()) is None
    assert chosen(["wandb", "wandb", "mlflow"]) == ("wandb", "mlflow")
    assert chosen("none") == ()
    monkeypatch.setenv("AEZOO_TRACK", "trackio, wandb")
    assert chosen(None) == ("trackio", "wandb")
    assert chosen("none") == ()


def test_a_name_that_is_not_known_is_refused_before_a_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AEZOO_TRACK", "tensorbord")
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(SPEC))
    with pytest.raises(SystemExit) as left:
        main(["train", str(spec), "--out", str(tmp_path / "out")])
    assert left.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: AEZOO_TRACK: no tracker is called 'tensorbord'; there are tensorboard, wandb, mlflow, trackio, none",
        "hint: did you mean 'tensorboard'?",
    ]
    assert not (tmp_path / "out").exists()


def test_a_package_that_is_absent_is_named_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(choice.KINDS, "wandb", Kind("aezoo.trackers.wandb", "WandB", "not_installed_anywhere"))
    with pytest.raises(UsageError, match="track: not_installed_anywhere is not installed") as error:
        chosen("wandb")
    assert error.value.hint == 'pip install "aezoo[wandb]"'


def test_without_a_folder_there_is_no_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "installed", lambda name: True)
    with pytest.raises(UsageError, match="track: trackers note in the run's folder"):
        aezoo.train(SPEC, track="tensorboard")


def test_a_run_that_goes_on_without_the_package_says_so(
    bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with pytest.warns(TrackerWarning), pytest.raises(Resumable):
        aezoo.train(SPEC, out=out, track=bad, progress=Stopping(2))
    monkeypatch.setitem(choice.KINDS, "tensorboard", Kind(__name__, "Bad", "not_installed_anywhere"))
    with pytest.warns(TrackerWarning, match="not_installed_anywhere is not installed: pip install"):
        aezoo.resume(out)


def test_the_command_line_takes_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def train(*_: object, track: object, **__: object) -> None:
        asked.append(track)
        raise UsageError("enough")

    monkeypatch.setattr(aezoo, "train", train, raising=False)
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(SPEC))
    with pytest.raises(SystemExit):
        main(["train", str(spec), "--track", "wandb", "--track", "mlflow"])
    assert asked == [("wandb", "mlflow")]
    capsys.readouterr()
