"""fit, whole: on samples of which is known what a model can do, and in all that may come between."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import aezoo
from aezoo.cli import main
from aezoo.errors import Interrupted, Refused, Resumable, RunFailed, UsageError
from aezoo.fitting import candidates, generation, report, run
from aezoo.fitting.facts import look
from aezoo.fitting.plan import Asked
from aezoo.fitting.proposal import proposals
from aezoo.reading.reader import read
from aezoo.registry.loader import default_registry
from aezoo.stacking.draws import Unstackable
from aezoo.sweeps import stacked
from aezoo.sweeps.requests import Settings
from tests.fitting.samples import SAMPLES

#: Steps of each network: how many a budget of time would hold depends on the machine.
STEPS = {"linear": 3, "dense": 60, "dense-wide": 4, "conv": 4, "filter": 4, "filter-wide": 2}


#: The function itself, which tests replace.
LENGTH_OF = candidates.length_of
#: Candidates that most tests do with.
FEW = ("linear", "dense", "filter")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains few candidates, for a known length."""
    monkeypatch.setattr(candidates, "length_of", lambda group, *_: STEPS[group[0].shape])
    monkeypatch.setattr(generation, "COMPARED", 200)
    monkeypatch.setattr(
        run, "proposals", lambda *args, **named: [p for p in proposals(*args, **named) if p.name in FEW]
    )


@pytest.fixture
def _all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains all candidates."""
    monkeypatch.setattr(run, "proposals", proposals)


@pytest.fixture
def typed(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return int(left.value.code or 0), out, err

    return call


def curve(folder: Path, n: int = 400) -> Path:
    """A curve in eight dimensions, with a little noise: one number tells all of it, and no line comes near it."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, n)
    x = np.stack([t, 2 * t**2, t**3], axis=1) @ np.linalg.qr(rng.normal(size=(8, 3)))[0].T
    path = folder / "curve.npy"
    np.save(path, x + 0.02 * rng.normal(size=x.shape))
    return path


def ball(folder: Path, n: int = 400) -> Path:
    """Gaussian samples, of which no model explains more than PCA."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    path = folder / "ball.npy"
    np.save(path, rng.normal(size=(n, 8)) * np.sqrt([9, 6, 3, 1, 0.3, 0.2, 0.1, 0.1]) @ axes)
    return path


def test_a_curve_is_coded_better_than_by_pca_and_all_is_kept(
    tmp_path: Path, typed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STEPS, "dense", 250)
    out = tmp_path / "out"
    code, said, err = typed("fit", curve(tmp_path), "--out", out, "--width", 1, "--threads", 1)
    assert code == 0, err
    assert "Better than PCA of equal width: share of the variance unexplained: " in said
    document = json.loads((out / "fit.json").read_text())["result"]
    compared, chosen = document["compared"][0], document["chosen"]
    assert compared["value"] < 0.5 * compared["rivals"][0]["value"]
    assert chosen == "dense"
    assert [each["chosen_by"] for each in document["candidates"]] == sorted(
        c["chosen_by"] for c in document["candidates"]
    )
    # The spec is the run's own, and the model is used as any other.
    spec = read(out / "spec.toml")
    assert spec.run == read(json.loads((out / "candidates" / chosen / "config.json").read_text())["spec"]).run
    assert aezoo.load(out / "model").encode(np.load(tmp_path / "curve.npy")).shape == (400, 1)
    written = (out / "report.md").read_text()
    assert document["sentence"] in written
    assert f"aezoo encode {out / 'model'} {tmp_path / 'curve.npy'} --out codes.npz" in written
    assert "PCA of equal width" in written


def test_what_is_linear_is_told_to_be_no_better_than_pca(tmp_path: Path) -> None:
    done = aezoo.fit(ball(tmp_path), out=tmp_path / "out", device="cpu", threads=1)
    assert done.verdict.startswith("No better than PCA of equal width")
    compared = done.compared[0]
    assert done.chosen.shape == "linear"  # PCA itself, in closed form
    assert compared.value == pytest.approx(compared.rivals[0].value, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "purpose", "figure", "rival"),
    [
        ("images of bytes", "denoise", "squared error a value of denoised samples", "the Wiener filter"),
        ("table", "anomaly", "AUROC of made-up anomalies", "Mahalanobis distance"),
        ("table with gaps", "anomaly", "AUROC of made-up anomalies", "Mahalanobis distance"),
        ("signals", "compress", "share of the variance unexplained", "PCA of equal width"),
        ("table with gaps", "features", "share of the variance unexplained", "PCA of equal width"),
        ("vectors", "generate", "squared MMD from held-out samples", "a Gaussian of the samples' moments"),
    ],
)
def test_each_purpose_has_its_figure_and_its_linear_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, purpose: Any, figure: str, rival: str
) -> None:
    monkeypatch.setitem(STEPS, "dense", 4)
    done = aezoo.fit(SAMPLES[name](tmp_path), purpose, out=tmp_path / "out", device="cpu", threads=1)
    assert done.compared[0].figure.startswith(figure)
    assert done.compared[0].rivals[0].name == rival
    assert all(np.isfinite([done.compared[0].value, r.value, r.ahead]).all() for r in done.compared[0].rivals)
    assert (tmp_path / "out" / "report.md").is_file()


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Trains these candidates."""
    monkeypatch.setitem(STEPS, "dense", 4)
    monkeypatch.setattr(
        run, "proposals", lambda *args, **named: [p for p in proposals(*args, **named) if p.name in names]
    )


@pytest.mark.parametrize("why", ["losses", "apart"])
def test_candidates_with_a_start_that_cannot_be_trained_as_one_are_trained_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    def refused(loops: Any) -> list[int]:
        if why == "apart":
            return [1]
        raise Unstackable("its losses or gradients are others in a stack")

    only(monkeypatch, "linear", "dense", "dense-decay")
    monkeypatch.setattr(stacked, "runs_apart", refused)
    done = aezoo.fit(ball(tmp_path, 60), "compress", out=tmp_path / "out", device="cpu", threads=1)
    assert done.remarks == []
    assert {each.name: each.steps for each in done.candidates} == {"linear": 0, "dense": 4, "dense-decay": 4}


def test_a_candidate_that_failed_is_not_tried_again_and_the_report_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = candidates.train_trials
    seen: list[list[str]] = []

    def failing(trials: Any, *args: Any, **named: Any) -> Any:
        seen.append([trial.name for trial in trials])
        done = trained(trials, *args, **named)
        rows = [row._replace(failure="broke") if row.trial.name == "dense" else row for row in done.rows]
        return replace(done, rows=rows)

    only(monkeypatch, "dense", "dense-wide")
    monkeypatch.setattr(candidates, "train_trials", failing)
    done = aezoo.fit(ball(tmp_path, 60), out=tmp_path / "out", device="cpu", threads=1)
    assert seen == [["dense"], ["dense-wide"]]
    assert done.remarks == ["dense failed: broke"]
    assert "- dense failed: broke" in (tmp_path / "out" / "report.md").read_text()
    assert "\ndense," in (tmp_path / "out" / "candidates" / "sweep.csv").read_text()


def test_words_are_fitted_beside_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aezoo_tables")
    monkeypatch.setitem(STEPS, "dense", 4)
    for purpose in ("features", "generate"):
        done = aezoo.fit(
            SAMPLES["table with words"](tmp_path), purpose, out=tmp_path / purpose, device="cpu", threads=1
        )  # type: ignore[arg-type]
        assert np.isfinite(done.compared[0].value)
    assert "error as a share of that of guessing" in (tmp_path / "features" / "report.md").read_text()


def test_labels_are_told_by_the_code_and_say_what_is_strange(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    strange = np.arange(300) % 10 == 0
    x = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(300, 6))
    x[strange] = 3 * rng.normal(size=(30, 6))
    rows = [
        f"{','.join(f'{value:.4f}' for value in row)},{'bad' if bad else 'good'}"
        for row, bad in zip(x, strange, strict=True)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,d,e,f,state", *rows]))
    for purpose in ("features", "anomaly"):
        done = aezoo.fit(tmp_path / "t.csv", purpose, out=tmp_path / purpose, label="state", device="cpu", threads=1)  # type: ignore[arg-type]
        assert done.facts.shape == (6,)
        compared = done.compared[1 if purpose == "features" else 0]
        assert compared.figure.startswith("labels told right" if purpose == "features" else "AUROC of the ")
        assert compared.value > 0.8


# --- begun, stopped, begun again ----------------------------------------------------------------------------


@pytest.mark.usefixtures("_all")
def test_a_fit_that_was_stopped_goes_on_and_trains_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = ball(tmp_path), tmp_path / "out"
    trained = candidates.train_trials
    seen: list[list[str]] = []

    def stopping(trials: Any, *args: Any, **named: Any) -> Any:
        seen.append([trial.name for trial in trials if not trial.finished])
        if len(seen) == 2:
            raise Resumable("interrupted", hint="the same command goes on with the sweep")
        return trained(trials, *args, **named)

    monkeypatch.setattr(candidates, "train_trials", stopping)
    with pytest.raises(Interrupted, match="what is finished is kept in") as caught:
        aezoo.fit(path, out=out, device="cpu", threads=1)
    assert caught.value.hint == "the same command goes on"
    done = aezoo.fit(path, out=out, device="cpu", threads=1)
    wide = ["dense-wide", "dense-wide-decay"]
    assert seen == [["dense", "dense-decay"], wide, [], wide]
    assert len(done.candidates) == 5


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    path, out = ball(tmp_path, 60), tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(Refused, match="exists and holds no fit"):
        aezoo.fit(path, out=out)
    (out / "fit.json").write_text("[]")
    with pytest.raises(Refused, match="is no record of a fit"):
        aezoo.fit(path, out=out)
    aezoo.fit(path, out=out, force=True, device="cpu", threads=1)
    assert (out / "notes.txt").read_text() == "mine"
    with pytest.raises(Refused, match="holds another fit: purpose, width differ"):
        aezoo.fit(path, "compress", out=out, width=2)


def test_a_spec_that_was_changed_is_kept_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "linear")
    path, out = ball(tmp_path, 60), tmp_path / "out"
    first = aezoo.fit(path, out=out, device="cpu", threads=1)
    written = (out / "spec.toml").read_text()
    assert f"aezoo train {out / 'spec.toml'} --out runs/again --from {out / 'starts' / 'linear'}" in written
    assert aezoo.fit(path, out=out, device="cpu", threads=1).remarks == first.remarks == []
    (out / "spec.toml").write_text(f"# mine\n{written}")
    for _ in range(2):
        done = aezoo.fit(path, out=out, device="cpu", threads=1)
        assert done.remarks == ["spec.toml was changed and is kept as it is; --force writes it anew"]
        assert (out / "spec.toml").read_text() == f"# mine\n{written}"
    assert done.remarks[0] in (out / "report.md").read_text()
    assert aezoo.fit(path, out=out, force=True, device="cpu", threads=1).remarks == []
    assert (out / "spec.toml").read_text() == written
    # A copy that cannot be made leaves the model that was there.
    monkeypatch.setattr(shutil, "copytree", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(RunFailed, match="model cannot be written: No space left"):
        aezoo.fit(path, out=out, device="cpu", threads=1)
    assert aezoo.load(out / "model").encode(np.load(path)).shape[0] == 60


def test_data_that_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "linear")
    path, out = ball(tmp_path, 60), tmp_path / "out"
    aezoo.fit(path, out=out, device="cpu", threads=1)
    np.save(path, 1.01 * np.load(path))
    with pytest.raises(Refused, match="has changed since this fit began") as caught:
        aezoo.fit(path, out=out, device="cpu", threads=1)
    assert caught.value.hint.startswith("--force fits anew")
    aezoo.fit(path, out=out, force=True, device="cpu", threads=1)


def test_force_removes_no_folder_that_is_not_of_a_fit(tmp_path: Path) -> None:
    path, out = ball(tmp_path, 60), tmp_path / "out"
    (out / "model").mkdir(parents=True)
    (out / "model" / "mine.txt").write_text("mine")
    with pytest.raises(Refused, match="holds no fit, and --force would remove its model"):
        aezoo.fit(path, out=out, force=True)
    assert (out / "model" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("minutes", [0.0, float("inf"), float("nan")])
def test_a_budget_is_a_time(tmp_path: Path, minutes: float) -> None:
    with pytest.raises(UsageError, match="it takes more than 0, and at most 1,000,000"):
        aezoo.fit(tmp_path / "x.npy", out=tmp_path / "out", minutes=minutes)


@pytest.mark.parametrize(("data", "shown"), [("digits", ""), ("my rows.csv", " 'my rows.csv'")])
def test_commands_name_the_input_that_is_a_file(data: str, shown: str) -> None:
    dataset = default_registry().get("dataset", "table" if shown else "digits")
    facts = SimpleNamespace(dataset=dataset.model_construct())
    fit = SimpleNamespace(out=Path("out"), asked=Asked(data, "features"), facts=facts)
    first, *_ = report._commands(fit)  # type: ignore[arg-type]
    assert first.startswith(f"aezoo encode out/model{shown} --out codes.npz")


def test_a_budget_that_is_over_leaves_the_linear_model_and_says_so(tmp_path: Path) -> None:
    done = aezoo.fit(ball(tmp_path, 60), out=tmp_path / "out", minutes=1e-6, device="cpu", threads=1)
    assert [each.name for each in done.candidates] == ["linear"]
    assert done.remarks[0] == "no time was left for dense: --minutes 1 --force fits anew with more"
    assert done.remarks[0] in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("name", "seconds", "steps"),
    # Of forty steps in two seconds, for two candidates; of two steps of L-BFGS, for one; none gets more than it wants.
    [("dense", 30.0, 300), ("dense", 1e6, 1500), ("dense", 0.1, 20), ("linear", 10.0, 10), ("linear", 0.1, 1)],
)
def test_a_length_holds_the_time_that_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, seconds: float, steps: int
) -> None:
    monkeypatch.setattr(candidates, "train", lambda *_, **__: SimpleNamespace(record={"seconds": 2.0}))
    found = dict(candidates.shapes(proposals(look(ball(tmp_path)), "features")))
    assert LENGTH_OF(found[name], seconds, Settings()) == steps


# --- the command line ---------------------------------------------------------------------------------------


def test_what_cannot_be_fitted_is_one_line_with_its_code(tmp_path: Path, typed: Any) -> None:
    (tmp_path / "few.csv").write_text("a,b\n1,2.5\n2,1.5\n4,1.25\n")
    code, said, err = typed("fit", tmp_path / "few.csv", "--out", tmp_path / "out")
    assert (code, said) == (6, "")
    assert "3 samples are too few to fit and judge a model" in err
    assert not (tmp_path / "out").exists()
    code, _, err = typed("fit", tmp_path / "absent.csv", "--out", tmp_path / "out")
    assert (code, "no such file or folder" in err) == (3, True)
    code, _, err = typed("fit", ball(tmp_path), "--for", "fun", "--out", tmp_path / "out")
    assert code == 2
    with pytest.raises(UsageError, match="it takes features, denoise"):
        aezoo.fit(tmp_path / "ball.npy", "fun", out=tmp_path / "out")  # type: ignore[arg-type]


def test_the_document_of_a_fit_is_json(tmp_path: Path, typed: Any) -> None:
    code, said, err = typed("fit", ball(tmp_path, 60), "--out", tmp_path / "out", "--json", "--threads", 1)
    assert code == 0, err
    document = json.loads(said)
    assert document["verdict"] in ("better", "equal", "worse")
    assert document["out"] == str(tmp_path / "out")


def test_init_writes_the_spec_of_samples(tmp_path: Path, typed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = SAMPLES["table"](tmp_path)
    code, said, err = typed("init", "mine", "--data", path.name, "--for", "compress", "--width", 2)
    assert (code, said.strip()) == (0, "mine.toml"), err
    spec = read(tmp_path / "mine.toml")
    assert (spec.name, spec.latent.dim, spec.input.kind) == ("mine", 2, "tabular")
    assert "aezoo train mine.toml" in (tmp_path / "mine.toml").read_text()
    assert typed("check", "mine.toml")[0] == 0
    code, _, err = typed("init", "other", "--data", path.name, "--variant", "vdc")
    assert (code, "--variant and --data exclude each other" in err) == (2, True)
    for words in (("--for", "denoise"), ("--set", "data.limit=40")):
        code, _, err = typed("init", "other", *words)
        assert (code, f"{words[0]} goes with --data" in err) == (2, True)
    code, _, err = typed("init", "few", "--data", path.name, "--set", "data.limit=40", "--set", "data.test=0.3")
    assert code == 0, err
    shares = read(tmp_path / "few.toml").data
    assert shares is not None
    assert shares.fractions() == (0.15, 0.3)
