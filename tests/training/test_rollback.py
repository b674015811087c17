"""A loss that is not finite: the step, the layer and the samples are named; a run goes back where its spec says so."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import aezoo
from aezoo.errors import DivergenceWarning, Resumable, RunFailed
from aezoo.storage.checkpoints import Checkpoints
from aezoo.training import setup
from aezoo.training.nonfinite import good_states as recovery
from tests.training.at_a_step import At

FILES = ("model.safetensors", "config.json", "metrics.jsonl", "metrics.json")


def spec(**training: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "input": [6],
        "encoder": [{"type": "linear", "features": 8}],
        "latent": {"type": "gaussian", "dim": 2},
        "likelihood": {"type": "gaussian"},
        "regularizers": {"kl": {}},
        "data": {"type": "gaussian", "n": 200, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        "training": {"epochs": 8, "batch_size": 32, "best_by": "last", **training},
    }


class Spoiler(nn.Module):
    """Gives NaN in training, at its n-th pass and those after; its pass is counted in a buffer, which a state holds."""

    def __init__(self, act: Callable[[torch.Tensor, int], torch.Tensor]) -> None:
        super().__init__()
        self.act = act
        self.register_buffer("passes", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return h
        self.passes += 1
        return self.act(h, int(self.passes))


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a module behind the first layer of each model."""
    true = setup.build

    def spoil(act: Callable[[torch.Tensor, int], torch.Tensor]) -> None:
        def build(*args: Any) -> Any:
            model = true(*args)
            model.network.encoder[0].append(Spoiler(act)) if isinstance(
                model.network.encoder[0], nn.Sequential
            ) else model.network.encoder.append(Spoiler(act))
            return model

        monkeypatch.setattr(setup, "build", build)

    return spoil


def nan_at(step: int) -> Callable[[torch.Tensor, int], torch.Tensor]:
    return lambda h, n: torch.where(torch.arange(len(h))[:, None] == 3, torch.nan, h) if n == step else h


@pytest.mark.parametrize("interval", [0.0, 1e9])
@pytest.mark.parametrize("step", [1, 2, 7, 40])
def test_the_step_the_layer_and_the_sample_are_named_whenever_the_loss_is_read(
    spoilt: Callable[..., None], step: int, interval: float
) -> None:
    spoilt(nan_at(step))
    progress = At(0, lambda: None)
    progress.interval = interval
    with pytest.raises(RunFailed) as caught:
        aezoo.train(spec(), progress=progress)
    batch, epoch = (step - 1) % 5 + 1, (step - 1) // 5 + 1
    message = caught.value.message
    assert message.startswith(f"the loss turned not finite in step {step}, batch {batch} of epoch {epoch}: ")
    assert "Spoiler) gave NaN in 8 of 256 values, from finite inputs" in message
    named = message.rpartition("rows of sample ")[2]
    parts = setup.set_up(aezoo.read(spec()))
    order = parts.batches["train"].parts(epoch - 1, 32, 0)[batch - 1]
    assert named == str(parts.rows["train"][int(order[3])])
    assert "--set training.on_nonfinite=rollback" in caught.value.hint


def test_a_gradient_that_is_not_finite_is_named_where_the_loss_is(spoilt: Callable[..., None]) -> None:
    class Sharp(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, h: torch.Tensor) -> torch.Tensor:
            return h.clone()

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return grad * torch.inf

    spoilt(lambda h, n: Sharp.apply(h) if n == 6 else h)
    with pytest.raises(
        RunFailed, match=r"in step 6, batch 1 of epoch 2; the loss is finite, the gradient of enc.* has"
    ):
        aezoo.train(spec())


def test_a_weight_that_an_update_spoils_is_named() -> None:
    wild = spec(optimizer={"type": "sgd", "lr": 3e38, "weight_decay": 1e3})  # a step beyond float32's range
    wild["likelihood"] = "mse"
    made = r"the optimizer's step made infinity in 48 of 48 values in encoder\.0\.linear\.weight"
    with pytest.raises(
        RunFailed, match=rf"not finite in step 1, batch 1 of epoch 1; loss and gradients are finite, {made}"
    ):
        aezoo.train(wild)


def test_a_validation_that_is_not_finite_is_named_as_such() -> None:
    with pytest.raises(RunFailed, match=r"in the validation after step 5, batch 5 of epoch 1: .* gave infinity in"):
        aezoo.train(spec(optimizer={"type": "sgd", "lr": 3.0}))


def test_a_layer_that_gives_infinities_in_good_steps_is_not_to_blame(spoilt: Callable[..., None]) -> None:
    class Mask(nn.Module):
        def forward(self, h: torch.Tensor) -> torch.Tensor:
            return torch.full_like(h, -torch.inf)

    mask = Mask()

    def act(h: torch.Tensor, n: int) -> torch.Tensor:
        mask(h)
        return nan_at(7)(h, n)

    spoilt(act)
    with pytest.raises(RunFailed, match=r"Spoiler\) gave NaN"):
        aezoo.train(spec())


# --- going back --------------------------------------------------------------------------------------------


def test_a_run_goes_back_at_half_the_rate_and_its_record_says_so() -> None:
    with pytest.warns(DivergenceWarning, match="in step 5: back to step 0, at 0.5 of the rate; latent.project"):
        run = aezoo.train(spec(optimizer={"type": "sgd", "lr": 3.0}, on_nonfinite="rollback"))
    assert run.record["ended"] == "finished"
    (event,) = run.record["rollbacks"]
    assert (event["step"], event["to"], event["change"]) == (5, 0, "at 0.5 of the rate")
    # Nothing is left of the steps that were given up: it is the run at that rate from its beginning.
    half = aezoo.train(spec(optimizer={"type": "sgd", "lr": 1.5}))
    assert run.history == half.history
    for name, value in run.model.network.state_dict().items():
        assert torch.equal(value, half.model.network.state_dict()[name])


def poisoned() -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    values = np.random.default_rng(0).standard_normal((200, 6)).astype("f4")
    values[77] = 3e30
    document = spec(epochs=3, on_nonfinite="rollback")
    del document["data"]
    return document, values


@pytest.mark.filterwarnings("ignore:.*beyond float32:aezoo.errors.DataWarning")
@pytest.mark.filterwarnings("ignore:.*not finite:aezoo.errors.DataWarning")
def test_a_batch_that_fails_at_good_weights_is_left_out_and_the_rate_stays() -> None:
    document, values = poisoned()
    with pytest.warns(DivergenceWarning, match=r"without the batch of step"):
        run = aezoo.train(document, values)
    assert [event["change"] for event in run.record["rollbacks"]] == [
        f"without the batch of step {event['step']}" for event in run.record["rollbacks"]
    ]
    assert len(run.record["rollbacks"]) == 3


def test_a_run_goes_back_three_times_at_most() -> None:
    with pytest.warns(DivergenceWarning), pytest.raises(RunFailed, match=r"after it went back 3 times: ") as caught:
        aezoo.train(spec(optimizer={"type": "sgd", "lr": 30.0}, on_nonfinite="rollback"))
    assert "rollback" not in caught.value.hint


@pytest.mark.filterwarnings("ignore::aezoo.errors.DivergenceWarning")
@pytest.mark.parametrize("at", [2, 4, 6, 13, 31])
def test_a_run_that_goes_back_may_be_stopped_at_any_step_and_ends_in_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """It fails in the first epoch; copies are kept at every tenth step."""
    monkeypatch.setattr(recovery, "EVERY", 10)
    monkeypatch.setattr("aezoo.training.loop.EVERY", 10)
    document = spec(optimizer={"type": "sgd", "lr": 3.0}, on_nonfinite="rollback", log_every=3)
    whole = aezoo.train(document, out=tmp_path / "whole", checkpoint_every=0)
    stop = At(at, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Resumable):
        aezoo.train(document, out=tmp_path / "out", progress=stop, checkpoint_every=0)
    run = aezoo.resume(tmp_path / "out", checkpoint_every=0)
    assert run.record["rollbacks"] == whole.record["rollbacks"]
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.filterwarnings("ignore::aezoo.errors.DivergenceWarning")
def test_states_after_the_one_that_a_run_went_back_to_are_gone(tmp_path: Path) -> None:
    document = spec(optimizer={"type": "sgd", "lr": 3.0}, on_nonfinite="rollback")
    seen: list[list[int]] = []
    out = tmp_path / "out"
    look = At(1, lambda: seen.append([position.step for position in Checkpoints(out).positions()]))
    aezoo.train(document, out=out, progress=look, checkpoint_every=0)
    assert seen == [[], []]


def test_where_it_goes_back_to_lies_a_hundred_steps_back_or_at_the_beginning() -> None:
    going = recovery.Recovery()
    for step in (0, 100, 200, 300):
        going.keep({"position": {"step": step}, "best": {}}, step)
    assert [good.step for good in going.states] == [200, 300]
    assert [going.before(step).step for step in (301, 399, 400, 401)] == [200, 200, 300, 300]


def test_a_spec_that_does_not_ask_for_it_is_written_as_before() -> None:
    plain = aezoo.read(spec())
    assert "on_nonfinite" not in plain.document()["training"]
    assert aezoo.read(spec(on_nonfinite="stop")).run == plain.run
    assert aezoo.read(spec(on_nonfinite="rollback")).run != plain.run
