"""A run that starts from a model: what fits is taken, all else is named, and it can be stopped as any other."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import aezoo
from aezoo.cli import main
from aezoo.errors import NotFound, Refused, Resumable, UsageError
from aezoo.training.run import train
from tests.training.at_a_step import At
from tests.training.test_resuming import files, spec

#: Of a scale that moves without an optimizer.
RUNNING = ("likelihood.running", "likelihood.seen")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first") / "first"
    aezoo.train(spec(), out=out)
    return out


def still(**changes: Any) -> dict[str, Any]:
    """A spec whose training moves nothing."""
    return {**spec(optimizer={"type": "sgd", "lr": 1e-30}, ema=None, epochs=1), **changes}


def without_ema(document: dict[str, Any]) -> dict[str, Any]:
    training = {name: value for name, value in document["training"].items() if value is not None}
    return {**document, "training": training}


def test_of_an_equal_architecture_all_weights_are_taken(first: Path) -> None:
    run = train(without_ema(still()), start_from=first)
    given = aezoo.load(first, device="cpu").network.state_dict()
    for name, value in run.model.network.state_dict().items():
        assert name in RUNNING or torch.equal(value, given[name]), name
    start = run.record["start"]
    assert start["from"] == str(first)
    assert (sorted(start["taken"]), start["left"], start["new"]) == (sorted(given), {}, [])


def test_of_another_architecture_what_fits_is_taken_and_each_other_tensor_is_named(first: Path) -> None:
    other = without_ema(still(latent={"type": "gaussian", "dim": 3}))
    run = train(other, start_from=aezoo.load(first, device="cpu"))
    given, start = aezoo.load(first, device="cpu").network.state_dict(), run.record["start"]
    now, fresh = run.model.network.state_dict(), aezoo.build(other).network.state_dict()
    for name in start["taken"]:
        assert name in RUNNING or torch.equal(now[name], given[name]), name
    for name in start["new"]:
        assert torch.equal(now[name], fresh[name]), name
    assert set(start["taken"]) | set(start["left"]) == set(given)
    assert set(start["taken"]) | set(start["new"]) == set(now)
    assert start["left"]["latent.project.weight"] == "it is [4, 8], the spec's [6, 8]"
    assert start["from"] == "small"


def test_where_nothing_fits_it_is_refused(first: Path) -> None:
    alien = {**spec(), "encoder": [], "input": [5], "latent": {"type": "deterministic", "dim": 1}}
    alien["data"] = {"type": "gaussian", "n": 50, "eigenvalues": [1.0] * 5}
    alien |= {"regularizers": {}, "likelihood": "mse"}
    with pytest.raises(UsageError, match=r"none of the \d+ tensors of .* fits the spec: .*: .*, and so on"):
        train(alien, start_from=first)


def test_the_command_says_what_was_taken_and_the_card_too(
    tmp_path: Path, first: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.json").write_text(json.dumps({**spec(), "latent": {"type": "gaussian", "dim": 3}}))
    with pytest.raises(SystemExit) as caught:
        main(["train", "s.json", "--from", str(first), "--out", "out"])
    assert not caught.value.code
    said = capsys.readouterr().err
    assert f"starts from {first}: " in said
    assert "latent.project.weight is left: it is [4, 8], the spec's [6, 8]" in said
    assert "It started from the weights of " in Path("out/README.md").read_text()


def test_it_is_stopped_and_goes_on_to_the_same_files_though_the_model_is_gone(tmp_path: Path, first: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(first, model)
    whole = train(spec(seed=3), start_from=model, out=tmp_path / "whole")
    out = tmp_path / "out"
    stop = At(9, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Resumable):
        train(spec(seed=3), start_from=model, out=out, progress=stop)
    shutil.rmtree(model)
    run = aezoo.resume(out)
    assert files(out) == files(tmp_path / "whole")
    assert run.record["start"] == whole.record["start"]


def test_a_kill_before_the_first_step_loses_nothing(tmp_path: Path, first: Path) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    train(spec(seed=3), start_from=first, out=tmp_path / "whole")
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        train(spec(seed=3), start_from=first, out=out, progress=At(1, die))
    run = aezoo.resume(out)
    assert files(out) == files(tmp_path / "whole")
    assert "resumed" not in run.record
    assert run.record["start"]["from"] == str(first)


def test_other_weights_are_another_run(tmp_path: Path, first: Path) -> None:
    out = tmp_path / "out"
    stop = At(9, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Resumable):
        train(spec(seed=3), start_from=first, out=out, progress=stop)
    other = aezoo.build(spec(), seed=9)
    with pytest.raises(Refused, match=r"the run started from .*, not from the weights that small has now"):
        train(spec(seed=3), start_from=other, out=out, resume="auto")
    for position in (out / ".aezoo-checkpoints").iterdir():
        if position.is_dir():
            shutil.rmtree(position)
    with pytest.raises(NotFound, match="was stopped before it had kept that"):
        aezoo.resume(out)
