"""Preparation: parts that start from the first batch see it once, in order, with random numbers from the seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

import aezoo
from aezoo.building.builder import build, objective_of
from aezoo.data.batches import Batches
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.code import Output
from aezoo.nn.objective import Objective, Terms
from aezoo.randomness import derive
from aezoo.spec.samples import Samples
from aezoo.training.preparation import prepare

SPEC: dict[str, Any] = {
    "name": "small",
    "input": {"shape": [3], "normalize": "none"},
    "encoder": [{"type": "linear", "features": 4, "activation": "identity"}, {"type": "dropout", "p": 0.5}],
    "latent": {"type": "deterministic", "dim": 2},
    "regularizers": {"l2": {"weight": 0.1}},
    "training": {"batch_size": 8, "steps": 2},
}
VALUES = np.random.default_rng(0).standard_normal((20, 3)).astype("float32") * 5 + 7


class Whitening(nn.Module):
    """Takes mean and deviation from its first input."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.calls: list[tuple[Tensor, bool, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.scale

    def prepare(self, first_input: Tensor, *, model: Autoencoder, generator: Generator) -> None:
        self.calls.append((first_input.clone(), self.training, int(torch.randint(2**40, (), generator=generator))))
        self.shift.copy_(first_input.mean(dim=0))  # type: ignore[operator]
        self.scale.copy_(first_input.std(dim=0))  # type: ignore[operator]


class Watching(nn.Module):
    """A penalty that looks at the first pass."""

    seen: Output | None = None

    def forward(self, out: Output) -> Tensor:
        return out.raw.square().mean()

    def prepare(self, first_input: Output, *, model: Autoencoder, generator: Generator) -> None:
        self.seen = first_input


def objective(*layers: nn.Module, penalty: nn.Module | None = None) -> tuple[Objective, Batches, Any]:
    model = build(SPEC)
    for position, layer in enumerate(layers):
        model.network.encoder.insert(2 * position, layer)
    made = objective_of(model, steps=2)
    if penalty is not None:
        made = Objective(model.network, Terms(made.loss_terms, regularizers={"watching": penalty}))
    return made.train(), Batches(Samples(VALUES, "made up"), model.spec), model.spec.training


def test_a_part_is_prepared_with_the_first_batch_in_evaluation_mode_and_all_train_afterwards() -> None:
    layer = Whitening(3)
    made, batches, training = objective(layer)
    prepare(made, batches, training)
    ((first_input, trained, _),) = layer.calls
    assert torch.equal(first_input, next(batches.epoch(0, training.batch_size, training.seed)).x)
    assert not trained
    assert all(part.training for part in made.modules())
    assert all(p.grad is None for p in made.parameters())


def test_each_part_is_prepared_with_the_output_of_the_prepared_parts_before_it() -> None:
    first, second = Whitening(3), Whitening(4)
    made, batches, training = objective(first, second)
    prepare(made, batches, training)
    x = next(batches.epoch(0, training.batch_size, training.seed)).x
    with torch.no_grad():
        torch.testing.assert_close(second.calls[0][0], made.model.encoder[1](first(x)))


def test_each_draws_from_a_generator_of_its_own_that_the_seed_alone_decides() -> None:
    drawn = []
    for seed in (0, 0, 1):
        first, second = Whitening(3), Whitening(4)
        made, batches, training = objective(first, second)
        prepare(made, batches, training.model_copy(update={"seed": seed}))
        drawn.append((first.calls[0][2], second.calls[0][2]))
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][0] != drawn[0][1]


def test_a_penalty_is_prepared_with_the_output_of_the_whole_pass() -> None:
    penalty = Watching()
    made, batches, training = objective(penalty=penalty)
    prepare(made, batches, training)
    assert penalty.seen is not None
    assert penalty.seen.model is made.model
    assert not penalty.seen.raw.requires_grad


def test_global_randomness_is_left_alone_and_nothing_is_passed_if_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    made, batches, training = objective(Whitening(3))
    before = torch.get_rng_state()
    prepare(made, batches, training)
    assert torch.equal(before, torch.get_rng_state())
    made, batches, training = objective()
    monkeypatch.setattr(Objective, "forward", lambda *args: pytest.fail("a pass for nothing"))
    prepare(made, batches, training)


def test_a_layer_or_a_buffer_called_prepare_is_no_method() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.prepare = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.prepare(x)  # type: ignore[no-any-return]

    layer = nn.Identity()
    layer.register_buffer("prepare", torch.zeros(1))
    watching = Whitening(4)
    made, batches, training = objective(Named(), watching)
    made.model.encoder.insert(0, layer)
    prepare(made, batches, training)
    assert len(watching.calls) == 1


def test_a_run_prepares_before_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def start(self: nn.Module, first_input: Tensor, *, model: Autoencoder, generator: Generator) -> None:
        seen.append(model.encoder[0].weight.detach().clone() if hasattr(model.encoder[0], "weight") else first_input)

    monkeypatch.setattr("aezoo.nn.latent.Deterministic.prepare", start, raising=False)
    aezoo.train(SPEC, VALUES, device="cpu")
    assert len(seen) == 1


def test_a_prepared_part_is_watched_no_longer() -> None:
    layer = Whitening(3)
    made, batches, training = objective(layer)
    prepare(made, batches, training)
    assert not layer._forward_pre_hooks


def test_a_part_that_is_called_twice_in_a_pass_is_prepared_once_from_what_it_is_given_first() -> None:
    layer = Whitening(3)
    made, batches, training = objective(layer)
    made.model.encoder.insert(0, layer)
    prepare(made, batches, training)
    assert len(layer.calls) == 1
    assert torch.equal(layer.calls[0][0], next(batches.epoch(0, training.batch_size, training.seed)).x)


def test_the_pass_that_prepares_is_the_first_step_with_noise_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    forward = Objective.forward

    def watched(self: Objective, x: Tensor, player: str, step: int, noise: Any, *fields: Any) -> Any:
        passes.append((step, *(stream.initial_seed() for stream in noise)))
        return forward(self, x, player, step, noise, *fields)

    monkeypatch.setattr(Objective, "forward", watched)
    made, batches, training = objective(Whitening(3))
    prepare(made, batches, training)
    assert passes == [(0, *(derive(training.seed, f"prepare.{name}") for name in ("corruption", "latent")))]


def test_a_likelihood_and_a_prior_are_prepared_with_the_first_pass_though_only_their_methods_are_called() -> None:
    made, batches, training = objective()
    watching = [Watching(), Watching()]
    for part, module in zip(("likelihood", "prior"), watching, strict=True):
        module.add_module("inner", getattr(made.model, part) or nn.Identity())
        module.mean, module.nll = (getattr(module.inner, name, None) for name in ("mean", "nll"))
        setattr(made.model, part, module)
    prepare(made, batches, training)
    x = next(batches.epoch(0, training.batch_size, training.seed)).x
    assert all(module.seen is not None and torch.equal(module.seen.x, x) for module in watching)
