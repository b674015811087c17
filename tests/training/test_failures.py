"""What comes after the last step, and what ends a run before it, loses no weights."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import AezooError, DataError, DataWarning, Interrupted, PluginError, RunFailed
from aezoo.nn.prior import FittedGaussian
from aezoo.storage import saving
from aezoo.storage.checkpoints import NAME
from aezoo.training import results, setup, signals, started_run
from tests.training.at_a_step import At


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "input": [6],
        "latent": {"type": "deterministic", "dim": 2},
        "data": {"type": "gaussian", "n": 100, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        "training": {"epochs": 2, "batch_size": 16},
        **changes,
    }


class After:
    """Does something once the last step is done, and before anything else."""

    interval = 100.0

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act

    def start(self, steps: int) -> None: ...
    def show(self, step: int, terms: object) -> None: ...
    def close(self) -> None:
        self.act()


def raising(error: BaseException) -> Callable[..., Any]:
    def act(*_: object, **__: object) -> Any:
        raise error

    return act


def encoded(folder: Path) -> bytes:
    return np.asarray(aezoo.load(folder, device="cpu").encode(np.ones((2, 6), np.float32))).tobytes()


def contents(folder: Path) -> dict[str, bytes]:
    """Of the model: a run that begins takes away the state of one that is finished."""
    paths = (path for path in folder.rglob("*") if path.is_file() and NAME not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    aezoo.train(spec(), out=tmp_path / "m", seed=5)
    return tmp_path / "m"


# --- after the last step -----------------------------------------------------------------------------------

PARTS = {
    "evaluation": (results, "evaluate_split"),
    "writing metrics.json": (saving, "keep_scores"),
    "drawing the pictures": (saving, "_pictures"),
    "writing the card": (saving, "card"),
    "fitting the prior": (FittedGaussian, "fit"),
}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("odd"), MemoryError("all")])
@pytest.mark.parametrize("work", PARTS)
def test_whatever_fails_after_the_last_step_the_weights_are_kept_and_the_message_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str, error: Exception
) -> None:
    monkeypatch.setattr(*PARTS[work], raising(error))
    fitted = spec(latent={"type": "deterministic", "dim": 2, "prior": "fitted_gaussian"})
    with pytest.raises(RunFailed, match=f"{work} failed.*the weights of step 10 are kept in .*m$") as caught:
        aezoo.train(fitted, out=tmp_path / "m")
    assert str(error.args[-1]) in str(caught.value)
    assert caught.value.run.model.spec.name == "small"
    encoded(tmp_path / "m")
    missing = {"writing metrics.json": "metrics.json", "evaluation": "metrics.json", "writing the card": "README.md"}
    there = contents(tmp_path / "m")
    assert missing.get(work) not in there
    if work != "writing the card":
        assert "README.md" in there, "the other parts are tried"
    assert not [name for name in there if name.startswith(".")]


def test_an_error_of_ours_keeps_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "evaluate_split", raising(PluginError("plugin 'kan': metric raised")))
    with pytest.raises(PluginError, match="evaluation failed: plugin 'kan': metric raised; the weights") as caught:
        aezoo.train(spec(), out=tmp_path / "m")
    assert caught.value.exit_code == 4
    encoded(tmp_path / "m")


def test_without_a_folder_the_error_holds_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "evaluate_split", raising(DataError("odd")))
    with pytest.raises(DataError, match=r"^evaluation failed: odd$") as caught:
        aezoo.train(spec())
    assert caught.value.run.model.encode(np.ones((1, 6), np.float32)).shape == (1, 2)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    np.save("d.npy", np.random.default_rng(0).normal(size=(300, 6)).astype("f4"))
    return spec(data={"type": "arrays", "path": "d.npy"})


def replaced() -> None:
    np.save("e.npy", np.full((5, 6), 9, "f4"))
    os.replace("e.npy", "d.npy")


@pytest.mark.parametrize("act", [lambda: os.unlink("d.npy"), replaced], ids=["deleted", "replaced"])
def test_the_samples_that_were_opened_are_evaluated_whatever_became_of_their_file(
    stored: dict[str, Any], act: Callable[[], None]
) -> None:
    expected = aezoo.train(stored, out="a").scores
    assert aezoo.train(stored, out="b", progress=After(act)).scores == expected
    encoded(Path("b"))


def test_a_file_that_was_written_to_in_place_is_not_evaluated(stored: dict[str, Any]) -> None:
    def rewritten() -> None:
        with Path("d.npy").open("r+b") as file:
            file.seek(-400, 2)
            file.write(np.full(100, 9, "f4").tobytes())
        os.utime("d.npy", ns=(1, 1))

    with pytest.raises(DataError, match=r"d\.npy was changed while the run worked; the weights .* are kept") as caught:
        aezoo.train(stored, out="b", progress=After(rewritten))
    assert caught.value.exit_code == 6
    assert not Path("b/metrics.json").exists()
    encoded(Path("b"))


@pytest.mark.filterwarnings("ignore:.*not finite:aezoo.errors.DataWarning")  # no variance to explain a share of
@pytest.mark.parametrize("value", [1e30, -3e38, 0.0])
def test_constant_data_of_any_size_are_drawn(tmp_path: Path, value: float) -> None:
    scaled = spec(input={"shape": [6], "normalize": "standardize"})
    with pytest.warns(DataWarning, match=r"not finite, .*: fvu .nan."):
        aezoo.train(scaled, np.full((100, 6), value, "f4"), out=tmp_path / "m")
    assert (tmp_path / "m" / "samples" / "reconstructions.png").exists()


# --- signals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_any_of_the_signals_keeps_the_best_weights_and_says_where(tmp_path: Path, number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="interrupted after step 7 of 250; the weights of step 7 are kept in"):
        aezoo.train(
            spec(training={"epochs": 50, "batch_size": 16}),
            out=tmp_path / "m",
            progress=At(7, lambda: signal.raise_signal(number)),
        )
    encoded(tmp_path / "m")
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_a_signal_after_the_last_step_waits_for_the_weights(tmp_path: Path, number: int) -> None:
    with pytest.raises(Interrupted, match="the weights of step 10 are kept in"):
        aezoo.train(spec(), out=tmp_path / "m", progress=After(lambda: signal.raise_signal(number)))
    encoded(tmp_path / "m")
    assert not (tmp_path / "m" / "metrics.json").exists()


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_a_signal_while_the_model_is_evaluated_finds_the_weights_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(results, "evaluate_split", lambda *_: signal.raise_signal(number))
    with pytest.raises(Interrupted, match="interrupted during evaluation; the weights of step 10 are kept in"):
        aezoo.train(spec(), out=tmp_path / "m")
    encoded(tmp_path / "m")


def test_a_signal_that_is_sent_to_the_process_and_to_its_group_is_one(tmp_path: Path) -> None:
    def echo() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted, match=r"interrupted after step 7 of .*; the weights of step 7 are kept in "):
        aezoo.train(spec(), out=tmp_path / "out", progress=At(7, echo))
    assert encoded(tmp_path / "out")


def test_the_same_signal_counts_again_after_a_moment() -> None:
    now = [0.0]
    stop = signals.Stop(clock=lambda: now[0])
    with stop.deferred():
        stop.receive(signal.SIGTERM, None)
        now[0] = 0.9 * signals.ECHO
        stop.receive(signal.SIGTERM, None)
        now[0] = 1.1 * signals.ECHO
        with pytest.raises(KeyboardInterrupt):
            stop.receive(signal.SIGTERM, None)


def test_signals_while_the_weights_are_written_do_not_lose_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = saving.keep

    def keep(*args: Any) -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        true(*args)

    monkeypatch.setattr(saving, "keep", keep)
    with pytest.raises(Interrupted, match=r"interrupted after the last step; the weights of step .* are kept in "):
        aezoo.train(spec(), out=tmp_path / "out")
    assert encoded(tmp_path / "out")
    assert not (tmp_path / "out" / "README.md").exists()


def test_a_second_signal_ends_a_run_at_once_and_leaves_an_older_model(old: Path) -> None:
    before = contents(old)

    def twice() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        aezoo.train(spec(), out=old, force=True, progress=At(7, twice))
    assert contents(old) == before


def test_a_signal_that_the_process_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals.stoppable() as stop, stop.deferred():
            signal.raise_signal(signal.SIGINT)
            assert not stop.requested
            signal.raise_signal(signal.SIGTERM)
            assert stop.requested
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="a process is killed there, not signalled")
def test_a_job_in_the_background_that_is_terminated_keeps_its_weights_and_exits_75(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(spec(training={"epochs": 1_000_000, "batch_size": 16})))
    command = [sys.executable, "-m", "aezoo", "train", "s.json", "--out", "m", "--json"]
    code = f"trap '' INT; exec {' '.join(command)}"
    with subprocess.Popen(["sh", "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as run:
        try:
            # Written at the end of the first epoch: the loop is at work.
            while run.poll() is None and not (tmp_path / "m" / "metrics.jsonl").exists():
                os.sched_yield()
            while run.poll() is None and not (tmp_path / "m" / "metrics.jsonl").stat().st_size:
                os.sched_yield()
            run.send_signal(signal.SIGINT)
            run.send_signal(signal.SIGTERM)
            _, errors = run.communicate()
        finally:
            run.kill()
    assert run.returncode == 75, errors
    assert json.loads(errors)["error"].startswith("interrupted after step ")
    assert json.loads(errors)["hint"] == "`aezoo resume m` goes on"
    encoded(tmp_path / "m")


# --- over an older model -----------------------------------------------------------------------------------


def test_a_forced_run_that_fails_at_once_leaves_the_older_model_whole(old: Path) -> None:
    before = contents(old)
    diverging = spec(training={"epochs": 9, "batch_size": 16, "optimizer": {"type": "sgd", "lr": 1e30}})
    with pytest.raises(RunFailed, match=r"not finite .*; .*m holds the model that was there before"):
        aezoo.train(diverging, out=old, force=True)
    assert contents(old) == before


@pytest.mark.parametrize(
    "error", [RunFailed("odd"), ValueError("odd"), OSError(5, "odd")], ids=lambda e: type(e).__name__
)
def test_a_forced_run_that_fails_later_leaves_the_older_model_and_keeps_what_it_had_beside_it(
    old: Path, error: Exception
) -> None:
    before = contents(old)
    with pytest.raises(type(error)) as caught:
        aezoo.train(spec(training={"epochs": 9, "batch_size": 16}), out=old, force=True, progress=At(8, raising(error)))
    message = "; ".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert "the weights of step 5 are in" in message
    assert "holds the model that was there before" in message
    after = contents(old)
    kept = after.pop("unfinished.safetensors")
    assert kept
    assert after == before
    assert encoded(old / "unfinished.safetensors") != encoded(old)


def test_a_run_that_fails_keeps_what_it_had_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="odd") as caught:
        aezoo.train(spec(), out=tmp_path / "m", progress=At(8, raising(ValueError("odd"))))
    assert caught.value.__notes__ == [f"the weights of step 5 are kept in {tmp_path / 'm'}"]
    encoded(tmp_path / "m")


def test_a_forced_run_that_is_interrupted_replaces_the_older_model_once_it_has_weights(old: Path) -> None:
    before = encoded(old)
    with pytest.raises(Interrupted, match="are kept in"):
        aezoo.train(spec(), out=old, force=True, progress=At(8, lambda: signal.raise_signal(signal.SIGINT)))
    assert encoded(old) != before
    assert not (old / "metrics.json").exists()
    records = [json.loads(line) for line in (old / "metrics.jsonl").read_text().splitlines()]
    assert max(record["step"] for record in records) == 8


def test_a_forced_run_without_data_leaves_the_older_model_whole(old: Path) -> None:
    before = contents(old)
    with pytest.raises(AezooError):
        aezoo.train(spec(data={"type": "arrays", "path": "nowhere.npy"}), out=old, force=True)
    assert contents(old) == before


# --- what would not load again -----------------------------------------------------------------------------


def grown(model: Any) -> None:
    layer = next(module for module in model.network.modules() if isinstance(module, torch.nn.Linear))
    layer.register_buffer("seen", torch.zeros(3))


@pytest.mark.parametrize("kind", ["grown", "nan"])
def test_a_model_that_would_not_load_again_is_named_and_kept_aside(
    old: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    before = contents(old)
    true = started_run.restore

    def spoilt(model: Any, outcome: Any) -> None:
        true(model, outcome)
        if kind == "grown":
            grown(model)
        else:
            with torch.no_grad():
                next(model.network.parameters()).view(-1)[0] = float("nan")

    monkeypatch.setattr(started_run, "restore", spoilt)
    named = r"unexpected: .*\.seen" if kind == "grown" else "holds NaN or infinity"
    with pytest.raises(RunFailed, match=f"would not load again.*{named}") as caught:
        aezoo.train(spec(), out=old, force=True)
    assert caught.value.hint.endswith("rejected.safetensors")
    after = contents(old)
    assert after.pop("rejected.safetensors")
    assert after == before


def test_a_buffer_that_grows_while_it_trains_does_not_lose_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = setup.build

    def growing(*args: Any) -> Any:
        model = build(*args)
        grown(model)
        layer = next(module for module in model.network.modules() if hasattr(module, "seen"))
        layer.register_forward_hook(
            lambda *_: setattr(layer, "seen", torch.zeros(len(layer.seen) + 1)) if layer.training else None
        )
        return model

    monkeypatch.setattr(setup, "build", growing)
    with pytest.raises(RunFailed, match=r"would not load again.*\.seen"):
        aezoo.train(spec(training={"epochs": 3, "batch_size": 16, "best_by": "reconstruction"}), out=tmp_path / "m")
    assert (tmp_path / "m" / "rejected.safetensors").exists()


# --- a full disk -------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="no limit of file sizes")
@pytest.mark.filterwarnings("ignore:no checkpoint could be written:aezoo.errors.CheckpointWarning")
@pytest.mark.parametrize(("most", "kept"), [(100, False), (20_000, True)])
def test_a_file_that_may_grow_no_further_is_reported_with_the_reason(tmp_path: Path, most: int, kept: bool) -> None:
    """First of the weights; then of the records alone, which are longer than all else."""
    many = spec(training={"epochs": 60, "batch_size": 16, "log_every": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        with pytest.raises(RunFailed, match="File too large") as caught:
            aezoo.train(many, out=tmp_path / "m")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ".staging" not in str(caught.value)
    assert (tmp_path / "m" / "config.json").exists() == kept
    if kept:
        encoded(tmp_path / "m")
