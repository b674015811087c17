"""How a run computes: float16 with a scaled loss, recomputed activations, channels that lie last, compiled layers."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import torch

import aezoo
from aezoo.building.builder import objective_of
from aezoo.data.batches import Batch
from aezoo.errors import SpecError, UsageError
from aezoo.reading.reader import read
from aezoo.spec.kinds import PlayerSpec
from aezoo.testing.stops import faults_of_stops
from aezoo.training.compilation import compiling
from aezoo.training.recomputation import recomputing
from aezoo.training.step import Player, Streams

LATENT = {"type": "deterministic", "dim": 1}


def spec(**training: Any) -> dict[str, Any]:
    return {
        "name": "deep",
        "input": [1, 32, 32],
        "encoder": [
            {"type": "conv", "channels": 4, "norm": "batch"},
            {"type": "dropout", "p": 0.2},
            {"type": "conv", "channels": 4, "stride": 2, "norm": "batch"},
        ],
        "latent": {"type": "gaussian", "dim": 2},
        "likelihood": "mse",
        "regularizers": {"kl": {}},
        "data": {"type": "sprites", "n": 60},
        "training": {"epochs": 2, "batch_size": 16, **training},
    }


def stepped(steps: int = 2, *, saved: list[int] | None = None, **training: Any) -> dict[str, Any]:
    """All tensors of an objective after some steps, its gradients, and how many values the last pass saved."""
    model = aezoo.build(spec(**training))
    objective = objective_of(model, steps=8).train()
    player = Player("model", objective, model.spec.training, PlayerSpec(), steps=8)
    streams = Streams(0, torch.device("cpu"), corrupts=False)
    batch = Batch(torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(1)), {})
    loss = objective.forward

    def count(tensor: torch.Tensor) -> torch.Tensor:
        if saved is not None:
            saved.append(tensor.numel())
        return tensor

    def counted(*arguments: Any) -> Any:
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            return loss(*arguments)

    objective.forward = counted  # type: ignore[method-assign]
    for step in range(steps):
        player.step(objective, batch, step, streams)
    gradients = {f"{name}.grad": p.grad for name, p in objective.named_parameters()}
    return {**objective.state_dict(), **gradients}


def test_recomputed_layers_give_the_same_gradients_and_running_means_and_keep_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole: list[int] = []
    expected = stepped(saved=whole)
    less: list[int] = []
    step = Player.step

    def recomputed(self: Player, objective: Any, *rest: Any) -> None:
        with recomputing(objective.model):
            step(self, objective, *rest)

    monkeypatch.setattr(Player, "step", recomputed)
    found = stepped(saved=less)
    assert found.keys() == expected.keys()
    assert [name for name in expected if not found[name].equal(expected[name])] == []
    assert sum(less) < 0.6 * sum(whole)  # what is left are the latent, the likelihood and the terms


def test_a_run_that_recomputes_ends_in_the_same_bits_and_leaves_no_trace() -> None:
    runs = [aezoo.train(spec(recompute=value)) for value in (False, True)]
    first, second = (run.model.network.state_dict() for run in runs)
    assert [name for name in first if not first[name].equal(second[name])] == []
    assert runs[0].history == runs[1].history
    assert all("forward" not in vars(layer) for layer in runs[1].model.network.encoder)


def test_float16_learns_what_float32_does() -> None:
    run = aezoo.train(spec(precision="float16", epochs=6))
    totals = [record["total"] for record in run.history if record["split"] == "train"]
    assert totals[-1] < 0.9 * totals[0]
    assert all(p.dtype == torch.float32 for p in run.model.network.parameters())


def test_a_gradient_in_float16_is_that_of_float32_to_two_digits() -> None:
    found = []
    for precision in ("float32", "float16"):
        model = aezoo.build(spec(precision=precision))
        objective = objective_of(model, steps=8).train()
        player = Player("model", objective, model.spec.training, PlayerSpec(), steps=8)
        if player.scaler:
            player.scaler.load_state_dict({**player.scaler.state_dict(), "scale": 64.0})
        x = torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(1))
        player.step(objective, Batch(x, {}), 0, Streams(0, torch.device("cpu"), corrupts=False))
        found.append(torch.cat([p.grad.flatten() for p in player.parameters]))
    full, half = found
    assert float((full - half).norm() / full.norm()) < 1e-2  # float16 has eleven bits, in some ten products


def test_a_gradient_beyond_float16_leaves_its_step_out_and_halves_the_scale() -> None:
    model = aezoo.build(spec(precision="float16"))
    objective = objective_of(model, steps=8)
    player = Player("model", objective, model.spec.training, PlayerSpec(), steps=8)
    before = [p.detach().clone() for p in player.parameters]
    for infinite in (True, False):
        for p in player.parameters:
            p.grad = torch.full_like(p, float("inf") if infinite else 65536.0)
        player.scaler.scale(torch.ones(()))
        player._limit_gradient(objective)
        player.scaler.step(player.optimizer)
        player.scaler.update()
        moved = [not p.equal(old) for p, old in zip(player.parameters, before, strict=True)]
        assert moved == [not infinite] * len(moved)
        assert player.scaler.get_scale() == 32768.0
    # 65536 / 32768 is 2 in the gradient that the optimizer saw.
    assert {float(p.grad.max()) for p in player.parameters} == {2.0}


@pytest.mark.parametrize(
    "training",
    [{"precision": "float16", "clip": 1.0}, {"precision": "float16", "micro_batch": 8}, {"channels_last": True}],
)
def test_stopped_after_any_step_it_goes_on_to_the_same_bits(training: dict[str, Any]) -> None:
    assert faults_of_stops(spec(**training), every=3) == []


def test_channels_that_lie_last_give_the_same_numbers(tmp_path: Any) -> None:
    descent = {"type": "sgd", "lr": 1e-4}  # adam would walk by the rounding of gradients that are zero
    documents = [spec(channels_last=value, optimizer=descent) for value in (False, True)]
    for document in documents:
        del document["encoder"][1]  # dropout draws in the order of memory
    plain, last = (aezoo.train(document, out=tmp_path / str(i)) for i, document in enumerate(documents))
    assert last.history[-1]["total"] == pytest.approx(plain.history[-1]["total"], rel=1e-3)  # sums in another order
    weights = [p for p in last.model.network.encoder[1].parameters() if p.ndim == 4]
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)
    loaded = aezoo.load(tmp_path / "1").network.state_dict()
    assert all(value.equal(loaded[name]) for name, value in last.model.network.state_dict().items())


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"precision": "float16", "optimizer": "lbfgs"}, "compares losses"),
        ({"precision": "half"}, "float16"),
    ],
)
def test_what_cannot_be_is_refused_when_the_spec_is_read(training: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(spec(**training))
    assert any(message in f"{fault.message} {fault.hint}" for fault in caught.value.faults)


def test_a_vector_has_no_channels_to_lie_last() -> None:
    with pytest.raises(SpecError, match="the input has 1 axes"):
        read(
            {
                "name": "wide",
                "input": [4],
                "latent": LATENT,
                "training": {"channels_last": True},
            }
        )


def test_without_a_compiler_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="there is none") as caught:
        aezoo.train(spec(compile=True), device="cpu")
    assert "training.compile=false" in caught.value.hint


def test_layers_are_compiled_within_and_not_after(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(torch, "compile", lambda function, **_: made.append(function) or function)
    network = aezoo.build(spec()).network
    with compiling(network):
        assert len(made) == len(network.encoder) + len(network.decoder)
        assert all(layer._compiled_call_impl is not None for layer in network.encoder)
    assert all(layer._compiled_call_impl is None for layer in network.encoder)
