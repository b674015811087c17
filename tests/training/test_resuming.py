"""A run that was stopped goes on to the same files; under other conditions it is refused, each of them by name."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import CheckpointWarning, DataError, Interrupted, NotFound, Refused, Resumable, UsageError
from aezoo.storage.checkpoints import NAME, Checkpoints
from aezoo.training import results, started_run
from aezoo.training.states import checkpointing
from tests.training.at_a_step import At


def spec(**training: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "input": [6],
        "corruption": [{"type": "gaussian_noise", "std": 0.3}],
        "encoder": [{"type": "linear", "features": 8}, {"type": "dropout", "p": 0.1}],
        "latent": {"type": "gaussian", "dim": 2},
        "likelihood": {"type": "gaussian"},
        "regularizers": {"kl": {}},
        "data": {"type": "gaussian", "n": 200, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        # The last weights: the best ones may be those of the first epoch, which no stop comes before.
        "training": {
            **{"epochs": 4, "batch_size": 32, "ema": 0.9, "log_every": 3, "best_by": "last"},
            **{"optimizer": {"type": "adam", "lr": 0.01}, **training},
        },
    }


def signalled(number: int = signal.SIGTERM) -> Any:
    return lambda: signal.raise_signal(number)


def stop(out: Path, at: int = 12, *, number: int = signal.SIGTERM, **settings: Any) -> Resumable:
    """A run that a signal stops after a step."""
    settings = {"source": spec(), "resume": "auto", **settings}
    with pytest.raises(Resumable) as caught:
        aezoo.train(settings.pop("source"), out=out, progress=At(at, signalled(number)), **settings)
    return caught.value


def files(out: Path) -> dict[str, bytes]:
    """All that may not depend on when a run was stopped."""
    names = ("model.safetensors", "config.json", "metrics.jsonl", "metrics.json")
    return {name: (out / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run that was never stopped."""
    out = tmp_path_factory.mktemp("whole") / "out"
    aezoo.train(spec(), out=out)
    assert Checkpoints(out).finished()
    return files(out)


# --- stopped and gone on -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_a_signal_ends_a_run_that_goes_on_to_the_same_files(
    tmp_path: Path, whole: dict[str, bytes], number: str
) -> None:
    out = tmp_path / "out"
    error = stop(out, number=getattr(signal, number))
    assert error.exit_code == 75
    assert error.message == f"interrupted after step 12 of 20; the weights of step 12 are kept in {out}"
    assert error.hint == f"`aezoo resume {out}` goes on"
    assert aezoo.load(out).reconstruct(np.zeros((2, 6), np.float32)).shape == (2, 6)
    run = aezoo.resume(out)
    assert files(out) == whole
    assert run.record["resumed"] == [12]
    assert run.record["exact"] is True
    assert sorted(record["step"] for record in run.history) == sorted(
        json.loads(line)["step"] for line in whole["metrics.jsonl"].splitlines()
    )
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == [NAME]


@pytest.mark.parametrize("at", [1, 5, 19, 20])
def test_it_may_be_stopped_after_any_step_and_again(tmp_path: Path, whole: dict[str, bytes], at: int) -> None:
    out = tmp_path / "out"
    stop(out, at)
    if at < 19:
        stop(out, at + 1)
    record = aezoo.train(spec(), out=out, resume="auto").record
    assert files(out) == whole
    assert record["resumed"] == ([at, at + 1] if at < 19 else [at])


def test_a_run_that_was_never_stopped_says_nothing_of_it(tmp_path: Path, whole: dict[str, bytes]) -> None:
    run = aezoo.train(spec(), out=tmp_path / "out", resume="auto", checkpoint_every=0)
    assert "exact" not in run.record
    assert "resumed" not in run.record
    assert files(tmp_path / "out") == whole


def test_a_second_signal_ends_it_at_once_and_it_goes_on_from_the_state_before(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)

    out = tmp_path / "out"
    with pytest.raises(Resumable, match="interrupted at once"):
        aezoo.train(spec(), out=out, progress=At(9, twice), checkpoint_every=0)
    assert Checkpoints(out).positions()[0].step == 8
    aezoo.resume(out)
    assert files(out) == whole


def test_without_a_state_a_second_signal_is_no_promise(tmp_path: Path) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        aezoo.train(spec(), out=tmp_path / "out", progress=At(9, twice))
    assert not (tmp_path / "out" / NAME).exists()


def test_in_memory_nothing_is_kept_and_the_exit_code_says_so() -> None:
    with pytest.raises(Interrupted) as caught:
        aezoo.train(spec(), progress=At(9, signalled()))
    assert caught.value.exit_code == 130
    with pytest.raises(UsageError, match="a folder"):
        aezoo.train(spec(), resume="auto")


def test_a_run_that_a_part_failed_goes_on_once_it_works(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        aezoo.train(spec(), out=tmp_path / "out", progress=At(14, fail), checkpoint_every=0)
    aezoo.resume(tmp_path / "out")
    assert files(tmp_path / "out") == whole


def test_a_failure_after_the_last_step_goes_on_to_the_same_files(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DataError("gone")

    monkeypatch.setattr(results, "evaluate_split", fail)
    with pytest.raises(DataError, match="evaluation failed: gone"):
        aezoo.train(spec(), out=tmp_path / "out", checkpoint_every=0)
    monkeypatch.undo()
    aezoo.resume(tmp_path / "out")
    assert files(tmp_path / "out") == whole


def test_a_run_goes_on_from_the_step_that_its_states_are_kept_at(tmp_path: Path, whole: dict[str, bytes]) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        aezoo.train(spec(), out=out, progress=At(14, die), checkpoint_steps=4)
    assert [position.step for position in Checkpoints(out).positions()] == [12, 8]
    assert aezoo.resume(out, checkpoint_steps=4).record["resumed"] == [12]
    assert files(out) == whole


def test_a_run_goes_on_from_the_end_of_an_epoch(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpointing, "EPOCH_INTERVAL", 0.0)
    monkeypatch.setattr(checkpointing, "SHARE", 1e9)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        aezoo.train(spec(), out=out, progress=At(14, die))
    assert Checkpoints(out).positions() == [(10, 2), (5, 1)]
    assert aezoo.resume(out).record["resumed"] == [10]
    assert files(out) == whole


def test_over_an_older_model_its_records_wait_aside(tmp_path: Path, whole: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    aezoo.train(spec(epochs=1), out=out, seed=5)
    older = files(out)

    def fail() -> None:
        raise KeyboardInterrupt  # what a kill leaves: neither weights nor records are moved

    with pytest.raises(KeyboardInterrupt):
        aezoo.train(spec(), out=out, force=True, progress=At(14, fail), checkpoint_every=0)
    assert files(out) == older
    stop(out, 17)
    aezoo.resume(out)
    assert files(out) == whole


def test_force_begins_anew_and_forgets_the_states(tmp_path: Path, whole: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    stop(out, source=spec(epochs=9))
    with pytest.raises(Refused, match="exists and is not empty") as caught:
        aezoo.train(spec(), out=out)
    assert "--resume auto goes on" in caught.value.hint
    aezoo.train(spec(), out=out, force=True)
    assert files(out) == whole


# --- what a kill leaves ------------------------------------------------------------------------------------


def test_before_the_first_state_a_run_begins_anew(tmp_path: Path, whole: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    stop(out)
    for position in Checkpoints(out).positions():
        shutil.rmtree(out / NAME / position.name)
    for name in ("model.safetensors", "config.json", "training.json", "README.md"):
        (out / name).unlink()
    shutil.rmtree(out / "samples")
    other = tmp_path / "other"
    shutil.copytree(out, other)
    assert "resumed" not in aezoo.resume(out).record
    aezoo.train(spec(), out=other, resume="auto")
    assert files(out) == files(other) == whole


def test_a_log_that_is_cut_within_a_line_is_cut_to_what_the_state_knows(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    stop(out)
    log = out / "metrics.jsonl"
    log.write_bytes(log.read_bytes() + b'{"step": 999, "spl')
    aezoo.resume(out)
    assert files(out) == whole


def test_a_log_that_is_another_one_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    stop(out)
    (out / "metrics.jsonl").write_text("{}\n" * 99)
    with pytest.raises(Refused, match="does not begin with the records of the run"):
        aezoo.resume(out)


def test_a_damaged_newest_state_is_named_and_the_one_before_it_goes_on(tmp_path: Path, whole: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    stop(out, checkpoint_every=0)
    newest, before = Checkpoints(out).positions()
    path = out / NAME / newest.name / "objective.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    message = f"objective.safetensors is not as it was written: the run goes on from step {before.step}"
    with pytest.warns(CheckpointWarning, match=message):
        record = aezoo.resume(out).record
    assert record["resumed"] == [before.step]
    assert files(out) == whole


def test_where_every_state_is_damaged_nothing_is_begun_in_silence(tmp_path: Path) -> None:
    out = tmp_path / "out"
    stop(out, checkpoint_every=0)
    for position in Checkpoints(out).positions():
        (out / NAME / position.name / "state.json").write_text("{}")
    with pytest.raises(Refused, match=r"no state can be read: .*; ") as caught:
        aezoo.train(spec(), out=out, resume="auto")
    assert caught.value.hint == "`aezoo train SPEC --out DIR --force` begins anew"


# --- other conditions --------------------------------------------------------------------------------------


def edited(out: Path, change: Any) -> None:
    """Change what is noted beside the states."""
    from aezoo.storage import checkpoints

    for position in Checkpoints(out).positions():
        path = out / NAME / position.name / "manifest.json"
        document = checkpoints._verified(path)
        change(document)
        path.write_text(checkpoints._signed(document))


@pytest.mark.parametrize("name", ["aezoo", "torch", "device", "processor", "threads", "data"])
def test_another_condition_is_refused_by_name_and_marks_the_run_for_ever_if_it_is_allowed(
    tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    stop(out)
    edited(out, lambda document: document["conditions"].update({name: "other"}))
    with pytest.raises(Refused, match=f"began under other conditions: {name}: other -> [^;]*$") as caught:
        aezoo.resume(out)
    assert caught.value.exit_code == 7
    assert "--allow-inexact" in caught.value.hint
    stop(out, 14, allow_inexact=True)
    run = aezoo.resume(out)
    assert run.record["exact"] is False
    assert json.loads((out / "training.json").read_text())["exact"] is False


def test_another_plugin_is_a_condition(tmp_path: Path) -> None:
    out = tmp_path / "out"
    stop(out)
    edited(out, lambda document: document["conditions"].update({"plugin aezoo-kan": "0.3"}))
    with pytest.raises(Refused, match=r"plugin aezoo-kan: 0\.3 -> none"):
        aezoo.resume(out)


def test_other_threads_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    stop(out)
    before = torch.get_num_threads()
    try:
        with pytest.raises(Refused, match="threads: 1 -> 2"):
            aezoo.resume(out, threads=2)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"training": {"seed": 1}}, "training.seed: 0 -> 1"),
        ({"training": {"batch_size": 16}}, "training.batch_size: 32 -> 16"),
        ({"training": {"precision": "float64"}}, 'training.precision: "float32" -> "float64"'),
        ({"latent": {"type": "gaussian", "dim": 3}}, "latent.dim: 2 -> 3"),
    ],
)
def test_another_spec_is_another_run_whatever_is_allowed(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    out = tmp_path / "out"
    stop(out)
    other = spec()
    for key, value in changed.items():
        other[key] = {**other[key], **value}
    with pytest.raises(Refused, match="holds a run of another spec: ") as caught:
        aezoo.train(other, out=out, resume="auto", allow_inexact=True)
    assert named in caught.value.message


def test_names_and_descriptions_are_no_other_spec(tmp_path: Path) -> None:
    out = tmp_path / "out"
    stop(out)
    aezoo.train({**spec(), "description": "better said"}, out=out, resume="auto")
    assert json.loads((out / "training.json").read_text())["exact"] is True


# --- data --------------------------------------------------------------------------------------------------


def rows(n: int = 200) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(3).standard_normal((n, 6)).astype(np.float32)


def test_arrays_have_to_be_given_again_and_to_be_the_same(tmp_path: Path) -> None:
    values = rows()
    aezoo.train(spec(), values, out=tmp_path / "whole")
    out = tmp_path / "out"
    stop(out, data=values)
    with pytest.raises(UsageError, match=r"came from Python \(ndarray\), and are in no file") as caught:
        aezoo.resume(out)
    assert "aezoo.resume(" in caught.value.hint
    other = values.copy()
    other[17, 3] += 1
    with pytest.raises(Refused, match=r"data: [0-9a-f]+ \.\.\. -> "):
        aezoo.resume(out, other)
    aezoo.resume(out, values)
    assert files(out) == files(tmp_path / "whole")


@pytest.mark.parametrize("way", ["spec", "data"])
def test_a_file_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", rows())
    source, data = spec(), None
    if way == "spec":
        source["data"] = {"type": "arrays", "path": "rows.npy"}
    else:
        data = "rows.npy"
    aezoo.train(source, data, out=tmp_path / "whole")
    stop(tmp_path / "out", source=source, data=data)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    aezoo.resume(tmp_path / "out")
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_data_that_are_gone_are_named_and_those_that_changed_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", rows())
    stop(tmp_path / "out", data="rows.npy")
    np.save("rows.npy", rows()[::-1])
    with pytest.raises(Refused, match="data: "):
        aezoo.resume(tmp_path / "out")
    os.remove("rows.npy")
    with pytest.raises(NotFound, match=r"rows\.npy: no such file"):
        aezoo.resume(tmp_path / "out")


# --- one folder, one run -----------------------------------------------------------------------------------


def test_two_starters_on_one_folder_are_one(tmp_path: Path, whole: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    stop(out)
    seen: list[Refused] = []

    def again() -> None:
        for start in (lambda: aezoo.resume(out), lambda: aezoo.train(spec(), out=out, resume="auto")):
            with pytest.raises(Refused, match="is being written to by process") as caught:
                start()
            seen.append(caught.value)

    aezoo.resume(out, progress=At(15, again))
    assert len(seen) == 2
    assert files(out) == whole


def test_a_state_that_cannot_be_written_at_a_signal_leaves_the_weights_and_exits_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpointing.Checkpoints, "write", full)
    with (
        pytest.warns(CheckpointWarning, match="No space left on device"),
        pytest.raises(Interrupted, match=r"the weights of step \d+ are kept in") as caught,
    ):
        aezoo.train(spec(), out=tmp_path / "out", progress=At(12, signalled()))
    assert caught.value.exit_code == 130
    assert not (tmp_path / "out" / NAME).exists()


def test_losses_that_are_not_finite_are_no_state_to_go_on_from(tmp_path: Path) -> None:
    wild = spec(optimizer={"type": "sgd", "lr": 1e12}, epochs=20)
    with pytest.raises(aezoo.errors.RunFailed, match="not finite"):
        aezoo.train(wild, out=tmp_path / "out", checkpoint_every=0)
    newest, faults = Checkpoints(tmp_path / "out").newest()
    assert faults == []
    weights = newest.tensors if newest else {}
    assert all(value.isfinite().all() for name, value in weights.items() if name.startswith("objective/"))


def test_fields_that_came_from_python_have_to_be_given_again(tmp_path: Path) -> None:
    labelled = spec()
    del labelled["data"]  # a spec says what its own data give, and these give no labels
    labelled["fields"] = {"label": {"classes": 3}}
    labelled["encoder"] = [{"type": "condition", "reads": "fields.label"}, {"type": "linear", "features": 8}]
    values, labels = rows(), np.arange(200) % 3
    aezoo.train(labelled, values, fields={"label": labels}, out=tmp_path / "whole")
    out = tmp_path / "out"
    stop(out, source=labelled, data=values, fields={"label": labels})
    with pytest.raises(UsageError, match=r"the fields label of the run in .* came from Python"):
        aezoo.resume(out, values)
    with pytest.raises(Refused, match="data: "):
        aezoo.resume(out, values, fields={"label": labels[::-1].copy()})
    aezoo.resume(out, values, fields={"label": labels})
    assert files(out) == files(tmp_path / "whole")


def test_samples_that_were_overwritten_under_a_run_are_in_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", rows())

    def overwrite() -> None:
        np.lib.format.open_memmap("rows.npy", mode="r+")[:] += 1
        os.utime("rows.npy", ns=(0, 0))  # the clock of a file system may be too coarse for a test
        signal.raise_signal(signal.SIGTERM)

    with (
        pytest.warns(CheckpointWarning, match=r"rows\.npy was changed while the run worked"),
        pytest.raises(Interrupted) as caught,
    ):
        aezoo.train(spec(), "rows.npy", out="out", progress=At(7, overwrite))
    assert caught.value.exit_code == 130


def test_a_model_that_is_saved_over_a_stopped_run_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    stop(out)
    other = aezoo.build({**spec(), "name": "other"}, seed=1)
    aezoo.save(other, out, force=True)
    assert aezoo.load(out).spec.name == "other"
    with pytest.raises(NotFound, match="holds no run that was stopped"):
        aezoo.resume(out)


def test_a_signal_before_a_run_begins_does_not_offer_the_one_that_it_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    stop(out)
    monkeypatch.setattr(started_run, "set_up", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises((KeyboardInterrupt, Interrupted)) as caught:
        aezoo.train({**spec(), "name": "other"}, out=out, force=True)
    assert not isinstance(caught.value, Resumable)


@pytest.mark.parametrize("given", ["path", "dataset"])
def test_data_whose_path_is_not_utf8_are_found_again(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    folder = tmp_path / os.fsdecode(b"donn\xe9es")
    folder.mkdir()
    monkeypatch.chdir(folder)
    np.save("x.npy", rows())
    document = {**spec(), "data": {"type": "arrays", "path": "x.npy"}} if given == "dataset" else spec()
    data = None if given == "dataset" else Path("x.npy").absolute()
    once = aezoo.train(document, data, out=tmp_path / "once")
    stop(tmp_path / "out", source=document, data=data)
    monkeypatch.chdir(tmp_path)
    again = aezoo.resume(tmp_path / "out")
    assert again.scores is not None
    assert once.scores is not None
    assert again.scores.metrics == once.scores.metrics
