"""A finished run keeps what it needs to go on: more epochs end in the files of a run that had them from the start."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

import aezoo
from aezoo.cli import main
from aezoo.errors import Refused, Resumable, UsageError
from aezoo.storage.checkpoints import NAME, Checkpoints
from tests.training.at_a_step import At
from tests.training.test_resuming import files, spec


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a run of eight epochs, in one go."""
    out = tmp_path_factory.mktemp("long") / "out"
    aezoo.train(spec(epochs=8), out=out)
    return files(out)


def test_a_finished_run_is_given_back_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = aezoo.train(spec(), out=out)
    before = files(out)
    for again in (aezoo.train(spec(), out=out, resume="auto"), aezoo.resume(out)):
        assert again.already_finished
        assert again.record == json.loads(json.dumps(first.record))
        assert again.scores is not None
        assert first.scores is not None
        assert again.scores.metrics == first.scores.metrics
        assert again.history == first.history
    assert files(out) == before
    assert [position.step for position in Checkpoints(out).positions()] == [20]


def test_more_epochs_end_in_the_files_of_a_run_in_one_go(tmp_path: Path, long: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    aezoo.train(spec(), out=out)
    run = aezoo.train(spec(epochs=8), out=out, resume="auto")
    assert files(out) == long
    assert run.record["resumed"] == [20]
    assert run.record["exact"] is True


def test_a_run_that_ended_within_an_epoch_goes_on_within_it(tmp_path: Path) -> None:
    def of_steps(steps: int) -> dict[str, Any]:
        document = spec(steps=steps)
        del document["training"]["epochs"]
        return document

    aezoo.train(of_steps(33), out=tmp_path / "whole")
    aezoo.train(of_steps(13), out=tmp_path / "out")
    aezoo.resume(tmp_path / "out", steps=33)
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_a_longer_run_that_is_stopped_goes_on_to_its_new_end(tmp_path: Path, long: dict[str, bytes]) -> None:
    out = tmp_path / "out"
    aezoo.train(spec(), out=out)
    with pytest.raises(Resumable):
        aezoo.resume(out, epochs=8, progress=At(31, lambda: signal.raise_signal(signal.SIGTERM)))
    assert aezoo.resume(out).record["resumed"] == [20, 31]
    assert files(out) == long


def test_a_longer_run_that_dies_before_its_first_state_goes_on_to_its_new_end(
    tmp_path: Path, long: dict[str, bytes]
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    aezoo.train(spec(), out=out)
    with pytest.raises(KeyboardInterrupt):
        aezoo.resume(out, epochs=8, progress=At(31, die))
    aezoo.resume(out)
    assert files(out) == long


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (
            {"optimizer": {"type": "adam", "lr": {"type": "cosine", "start": 0.01}}},
            r"training\.optimizer\.lr \(cosine\) dep",
        ),
        ({"weight": {"type": "cyclical"}}, r"regularizers\.kl\.weight \(cyclical\) depends on the length of the run"),
        (
            {"weight": {"type": "linear", "steps": 5000}},
            r"regularizers\.kl\.weight \(linear\) still changes after 20 st",
        ),
    ],
)
def test_a_schedule_that_depends_on_the_length_is_named(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    weight = changed.pop("weight", 1.0)
    document = {**spec(**changed), "regularizers": {"kl": {"weight": weight}}}
    aezoo.train(document, out=tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(Refused, match=named):
        aezoo.resume(tmp_path / "out", epochs=8)
    assert files(tmp_path / "out") == before
    assert aezoo.resume(tmp_path / "out").already_finished


def test_schedules_whose_length_is_behind_the_run_let_it_go_on(tmp_path: Path) -> None:
    rate = {"type": "cosine", "start": 0.01, "end": 0.001, "steps": 300}
    document = {
        **spec(optimizer={"type": "adam", "lr": rate}),
        "regularizers": {"kl": {"weight": {"type": "linear", "steps": 15}}},
    }
    aezoo.train({**document, "training": {**document["training"], "epochs": 8}}, out=tmp_path / "whole")
    aezoo.train(document, out=tmp_path / "out")
    aezoo.resume(tmp_path / "out", epochs=8)
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_fewer_epochs_than_are_done_are_refused(tmp_path: Path) -> None:
    aezoo.train(spec(), out=tmp_path / "out")
    with pytest.raises(Refused, match="the run is 20 steps old, and is to end after 10"):
        aezoo.resume(tmp_path / "out", epochs=2)
    with pytest.raises(UsageError, match="both say the length"):
        aezoo.resume(tmp_path / "out", epochs=9, steps=9)


def test_a_run_that_patience_ended_would_end_there_however_long_it_may_be(tmp_path: Path) -> None:
    impatient = spec(patience=1, best_by="kl", epochs=40)
    run = aezoo.train(impatient, out=tmp_path / "out")
    assert run.record["ended"] == "patience"
    assert not (tmp_path / "out" / NAME).exists()
    assert aezoo.train(spec(patience=1, best_by="kl", epochs=90), out=tmp_path / "out", resume="auto").already_finished


def test_without_its_last_state_a_run_is_finished_and_does_not_go_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    aezoo.train(spec(), out=out, keep_state=False)
    assert not (out / NAME).exists()
    assert aezoo.train(spec(), out=out, resume="auto").already_finished
    with pytest.raises(Refused, match="finished after 20 steps, without its last state"):
        aezoo.train(spec(epochs=8), out=out, resume="auto")


def test_in_a_loop_of_a_scheduler_the_command_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def code(*words: str) -> int:
        with pytest.raises(SystemExit) as caught:
            main(words)
        return int(caught.value.code or 0)

    monkeypatch.chdir(tmp_path)
    Path("s.json").write_text(json.dumps(spec()))
    command = ("train", "s.json", "--out", "out", "--resume", "auto", "--json")
    assert [code(*command), code(*command), code("resume", "out")] == [0, 0, 0]
    assert "out: the run was at its end before: nothing to do" in capsys.readouterr().err
    assert code("train", "s.json", "--out", "out") == 7
    assert "--resume auto with more --epochs goes on" in capsys.readouterr().err
