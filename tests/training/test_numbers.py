"""The numbers of a run, against the same run on paper: steps, weights, averages, limits, noise.

The model is x -> z = w x + b -> c z + d with a squared error and a penalty z^2. Its gradients are written out below in
plain numbers; where it starts is read from the model that is built from the same spec.
"""

from __future__ import annotations

import itertools
import json
import math
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

import aezoo
from aezoo.errors import RunFailed
from aezoo.randomness import derive
from aezoo.spec.samples import Samples

TRAIN = (1.0, -0.5, 2.0)
VALIDATION = (0.3, 1.5, -1.0)
RATE = 0.05


class Weights(NamedTuple):
    """What the model of this page learns."""

    w: float
    b: float
    c: float
    d: float

    def moved(self, gradient: Weights, rate: float) -> Weights:
        return Weights(*(value - rate * slope for value, slope in zip(self, gradient, strict=True)))

    def blended(self, other: Weights, share: float) -> Weights:
        return Weights(*(value + share * (new - value) for value, new in zip(self, other, strict=True)))

    def norm(self) -> float:
        return math.sqrt(sum(value**2 for value in self))


def terms(at: Weights, values: Sequence[float]) -> tuple[float, float]:
    """Squared error and penalty, averaged over the values."""
    codes = [at.w * x + at.b for x in values]
    error = sum((at.c * z + at.d - x) ** 2 for z, x in zip(codes, values, strict=True))
    return error / len(values), sum(z**2 for z in codes) / len(values)


def gradient(at: Weights, values: Sequence[float], weight: float) -> Weights:
    """Of squared error + weight * penalty, averaged over the values."""
    slopes = []
    for x in values:
        z = at.w * x + at.b
        error = at.c * z + at.d - x
        to_code = 2 * error * at.c + 2 * weight * z
        slopes.append((to_code * x, to_code, 2 * error * z, 2 * error))
    return Weights(*(sum(column) / len(values) for column in zip(*slopes, strict=True)))


def path(
    start: Weights,
    steps: int,
    *,
    rate: Callable[[int], float] = lambda step: RATE,
    weight: Callable[[int], float] = lambda step: 0.0,
    clip: float = math.inf,
) -> list[Weights]:
    """The weights before the first step, and after each."""
    at = [start]
    for step in range(steps):
        slope = gradient(at[-1], TRAIN, weight(step))
        at.append(at[-1].moved(slope, rate(step) * min(1.0, clip / slope.norm())))
    return at


def document(*, weight: Any = None, lr: Any = RATE, **training: Any) -> dict[str, Any]:
    return {
        "name": "paper",
        "input": {"shape": [1], "normalize": "none"},
        "latent": {"type": "deterministic", "dim": 1},
        "decoder": [{"type": "linear", "features": 1, "activation": "identity"}],
        "likelihood": "mse",
        "regularizers": {} if weight is None else {"l2": {"weight": weight}},
        "training": {
            "steps": 3,
            "batch_size": 3,
            "precision": "float64",
            "optimizer": {"type": "sgd", "lr": lr},
            "best_by": "last",
            "log_every": 1,
            **training,
        },
    }


def samples(train: Sequence[float] = TRAIN, validation: Sequence[float] = VALIDATION) -> Samples:
    values = np.array([*train, *validation], np.float64)[:, None]
    rows = np.arange(len(values))
    return Samples(values, "paper", splits={"train": rows[: len(train)], "validation": rows[len(train) :]})


def weights_of(model: Any) -> Weights:
    first, second = (part for part in model.network.modules() if isinstance(part, nn.Linear))
    return Weights(*(part.item() for part in (first.weight, first.bias, second.weight, second.bias)))


def start_of(spec: dict[str, Any]) -> Weights:
    return weights_of(aezoo.build(aezoo.read(spec)))


def logged(run: Any, split: str, *, epochs: bool) -> list[dict[str, Any]]:
    return [record for record in run.history if record["split"] == split and ("epoch" in record) == epochs]


def near(expected: Any, rel: float = 1e-9) -> Any:
    # float64 throughout: a few roundings of 1e-16 each, over a handful of steps.
    return pytest.approx(expected, rel=rel, abs=1e-12)


# --- a step -----------------------------------------------------------------------------------------------


def test_three_steps_under_a_rising_weight_are_those_on_paper() -> None:
    spec = document(weight={"type": "linear", "start": 0.0, "end": 2.0, "steps": 4})
    rising = (0.0, 0.5, 1.0)  # at the steps 0, 1 and 2
    at = path(start_of(spec), 3, weight=rising.__getitem__)
    run = aezoo.train(spec, samples())
    assert weights_of(run.model) == near(at[3])
    records = logged(run, "train", epochs=False)
    assert [record["step"] for record in records] == [1, 2, 3]
    for record, before, weight in zip(records, at, rising, strict=False):
        error, penalty = terms(before, TRAIN)
        assert record["reconstruction"] == near(error)
        assert record["l2"] == near(penalty)
        assert record["l2.weighted"] == near(weight * penalty)
        assert record["total"] == near(error + weight * penalty)


def test_a_schedule_without_steps_spans_the_run() -> None:
    spec = document(weight={"type": "linear", "start": 3.0, "end": 0.0})
    at = path(start_of(spec), 3, weight=(3.0, 2.0, 1.0).__getitem__)
    assert weights_of(aezoo.train(spec, samples()).model) == near(at[3])


def test_each_step_has_the_learning_rate_of_its_schedule() -> None:
    spec = document(lr={"type": "piecewise", "values": [0.1, 0.01, 0.2], "at": [1, 2]})
    at = path(start_of(spec), 3, rate=(0.1, 0.01, 0.2).__getitem__)
    assert weights_of(aezoo.train(spec, samples()).model) == near(at[3])


def test_a_gradient_longer_than_clip_is_brought_to_it_and_a_shorter_one_is_left() -> None:
    plain = document()
    lengths = [gradient(at, TRAIN, 0.0).norm() for at in path(start_of(plain), 3)]
    for clip in (0.25 * min(lengths), 2 * max(lengths)):
        spec = document(clip=clip)
        at = path(start_of(spec), 3, clip=clip)
        # 1e-5: torch adds 1e-6 to the length before it divides
        assert weights_of(aezoo.train(spec, samples()).model) == near(at[3], rel=1e-5)


def test_a_gradient_is_first_made_tangent_to_the_constraint_and_then_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Held:
        """Its tangent makes a gradient a hundred times longer: a clip before it would leave ten times the bound."""

        def __call__(self, module: nn.Module) -> None: ...

        def tangent(self, module: nn.Module) -> None:
            for part in module.parameters():
                assert part.grad is not None
                part.grad.mul_(100.0)

    spec = document(clip=0.1)
    spec["constraints"] = {"norm": {"type": "unit_norm", "on": "decoder.0"}}
    monkeypatch.setattr(type(aezoo.read(spec).constraints["norm"]), "build", lambda self: Held())
    at = [start_of(spec)]
    for _ in range(3):
        slope = gradient(at[-1], TRAIN, 0.0)
        slope = slope._replace(c=100 * slope.c, d=100 * slope.d)
        assert slope.norm() > 0.1
        at.append(at[-1].moved(slope, RATE * 0.1 / slope.norm()))
    assert weights_of(aezoo.train(spec, samples()).model) == near(at[3], rel=1e-4)


def test_a_constraint_acts_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Halved:
        @torch.no_grad()
        def __call__(self, module: nn.Module) -> None:
            for part in module.parameters():
                part.mul_(0.5)

    spec = document()
    spec["constraints"] = {"norm": {"type": "unit_norm", "on": "decoder.0"}}
    monkeypatch.setattr(type(aezoo.read(spec).constraints["norm"]), "build", lambda self: Halved())
    at = [start_of(spec)]
    for _ in range(3):
        after = at[-1].moved(gradient(at[-1], TRAIN, 0.0), RATE)
        at.append(after._replace(c=after.c / 2, d=after.d / 2))
    assert weights_of(aezoo.train(spec, samples()).model) == near(at[3])


def test_the_means_of_an_epoch_are_those_of_its_batches_so_far() -> None:
    train = (1.0, -0.5, 2.0, 0.1, -3.0)
    run = aezoo.train(document(lr=1e-30, batch_size=3, steps=2), samples(train))
    start = weights_of(run.model)  # where it was: it does not move
    batches = [(pick, tuple(x for x in train if x not in pick)) for pick in itertools.combinations(train, 3)]
    means = [(terms(start, first)[0], terms(start, second)[0]) for first, second in batches]
    first, second = (record["reconstruction"] for record in logged(run, "train", epochs=False))
    assert [pair for pair in means if (pair[0], sum(pair) / 2) == near((first, second))]
    (epoch,) = logged(run, "train", epochs=True)
    assert epoch["reconstruction"] == second
    assert epoch["epoch"] == 1


def test_an_epoch_starts_its_means_anew() -> None:
    spec = document(steps=3)
    at = path(start_of(spec), 3)
    records = logged(aezoo.train(spec, samples()), "train", epochs=True)
    assert [record["epoch"] for record in records] == [1, 2, 3]
    assert [record["reconstruction"] for record in records] == near([terms(before, TRAIN)[0] for before in at[:3]])


def test_a_record_is_kept_at_every_so_many_steps() -> None:
    records = logged(aezoo.train(document(steps=7, log_every=3), samples()), "train", epochs=False)
    assert [record["step"] for record in records] == [3, 6]


# --- validation -------------------------------------------------------------------------------------------


def test_validation_takes_the_weight_at_the_end_of_the_schedule() -> None:
    spec = document(weight={"type": "linear", "start": 0.0, "end": 2.0, "steps": 4})
    at = path(start_of(spec), 3, weight=lambda step: step / 2)
    for record, after in zip(logged(aezoo.train(spec, samples()), "validation", epochs=True), at[1:], strict=True):
        error, penalty = terms(after, VALIDATION)
        assert record["reconstruction"] == near(error)
        assert record["l2.weighted"] == near(1.5 * penalty)  # the run ends at step 3
        assert record["total"] == near(error + 1.5 * penalty)


def test_without_a_validation_split_the_training_means_take_that_weight() -> None:
    spec = document(weight={"type": "linear", "start": 0.0, "end": 2.0, "steps": 4}, best_by="total")
    at = path(start_of(spec), 3, weight=lambda step: step / 2)
    run = aezoo.train(spec, samples(validation=()))
    totals = [error + 1.5 * penalty for error, penalty in (terms(before, TRAIN) for before in at[:3])]
    best = min(range(3), key=totals.__getitem__)
    assert run.record["best_step"] == best + 1
    assert run.record["validation"]["total"] == near(totals[best])


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4])
def test_every_sample_of_the_validation_split_weighs_the_same(batch_size: int) -> None:
    spec = document(weight=0.5, steps=1, batch_size=batch_size)
    run = aezoo.train(spec, samples())
    (record,) = logged(run, "validation", epochs=True) or [run.record["validation"]]
    error, penalty = terms(weights_of(run.model), VALIDATION)
    assert record["reconstruction"] == near(error)
    assert record["l2"] == near(penalty)
    assert record["total"] == near(error + 0.5 * penalty)


def test_the_weights_of_the_lowest_validation_value_are_kept() -> None:
    # A rate at which the error falls, and then rises again.
    falling_then_wild = {"type": "piecewise", "values": [0.05, 1.0], "at": [4]}
    spec = document(lr=falling_then_wild, steps=6, best_by="reconstruction")
    at = path(start_of(spec), 6, rate=lambda step: 0.05 if step < 4 else 1.0)
    values = [terms(after, VALIDATION)[0] for after in at[1:]]
    best = min(range(6), key=values.__getitem__)
    assert best < 5, "the last is not the best"
    run = aezoo.train(spec, samples())
    assert run.record["best_step"] == best + 1
    assert weights_of(run.model) == near(at[best + 1])
    assert run.record["validation"]["reconstruction"] == near(values[best])
    assert run.record["steps"] == 6


def test_the_last_weights_are_kept_if_that_is_asked_for() -> None:
    falling_then_wild = {"type": "piecewise", "values": [0.05, 1.0], "at": [4]}
    spec = document(lr=falling_then_wild, steps=6)
    run = aezoo.train(spec, samples())
    assert run.record["best_step"] == 6
    assert weights_of(run.model) == near(
        path(start_of(spec), 6, rate=lambda step: 0.05 if step < 4 else 1.0)[6], rel=1e-7
    )


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_patience_counts_the_epochs_since_the_best(patience: int) -> None:
    # Four steps that help, then none that does: the weights stay, and the value is no better than the best.
    spec = document(
        lr={"type": "piecewise", "values": [0.05, 1e-30], "at": [4]}, steps=30, best_by="total", patience=patience
    )
    values = [terms(after, VALIDATION)[0] for after in path(start_of(spec), 4)[1:]]
    assert values == sorted(values, reverse=True), "each of the four is better than the one before"
    run = aezoo.train(spec, samples())
    assert run.record["ended"] == "patience"
    assert run.record["best_step"] == 4
    assert run.record["steps"] == 4 + patience


def test_a_better_value_restarts_the_count() -> None:
    # The rate is nothing at every second step: one epoch in two is no better.
    every_second = {"type": "piecewise", "values": [0.05, 1e-30] * 4, "at": list(range(1, 8))}
    run = aezoo.train(document(lr=every_second, steps=8, best_by="total", patience=2), samples())
    assert (run.record["ended"], run.record["steps"]) == ("finished", 8)


# --- averaged weights -------------------------------------------------------------------------------------


def averaged(at: list[Weights], decay: float) -> dict[int, Weights]:
    """By step: from the first on, at every eighth, older than the run is at most."""
    shadow, averages = at[0], {}
    for step in range(8, len(at), 8):
        shadow = shadow.blended(at[step], max(1 - decay**8, 8 / (step + 8)))
        averages[step] = shadow
    return averages


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_the_averaged_weights_are_validated_and_kept(decay: float) -> None:
    spec = document(steps=25, ema=decay)
    at = path(start_of(spec), 25)
    shadows = averaged(at, decay)
    if decay == 0.999:  # by hand: half of the first update, a third of the second, a quarter of the third
        by_hand = at[0].blended(at[8], 1 / 2).blended(at[16], 1 / 3).blended(at[24], 1 / 4)
        assert shadows[24] == near(by_hand)
    run = aezoo.train(spec, samples())
    assert weights_of(run.model) == near(shadows[24])
    for record in logged(run, "validation", epochs=True):
        step = record["step"]
        used = at[step] if step < 8 else shadows[step // 8 * 8]
        assert record["reconstruction"] == near(terms(used, VALIDATION)[0]), step


def test_before_the_first_average_a_run_keeps_its_own_weights() -> None:
    spec = document(steps=7, ema=0.9)
    assert weights_of(aezoo.train(spec, samples()).model) == near(path(start_of(spec), 7)[7])


# --- noise ------------------------------------------------------------------------------------------------


class Streams(NamedTuple):
    """What a run drew, pass by pass."""

    corruption: list[Tensor]
    latent: list[Tensor]
    own: list[Tensor]  # of layers such as dropout, from the global generator
    training: list[bool]


class Recorded(nn.Module):
    """A corruption that changes nothing, and keeps what it draws."""

    def __init__(self, streams: Streams, size: int) -> None:
        super().__init__()
        self.streams = streams
        self.size = size

    def forward(self, x: Tensor, generator: Generator) -> Tensor:
        self.streams.corruption.append(torch.randn(self.size, generator=generator))
        self.streams.training.append(self.training)
        return x


class NoisyCode(NamedTuple):
    z: Tensor
    pre: Tensor


class Noisy(nn.Module):
    """An affine latent that keeps what it draws, and what a layer would draw from the global generator."""

    def __init__(self, streams: Streams, size: int) -> None:
        super().__init__()
        self.streams = streams
        self.size = size
        self.project = nn.Linear(1, 1)

    def forward(self, h: Tensor, generator: Generator | None = None) -> NoisyCode:
        if generator is not None:
            self.streams.latent.append(torch.randn(self.size, generator=generator))
            self.streams.own.append(torch.randn(self.size))
        z = self.project(h)
        return NoisyCode(z, z)


def drawn(
    monkeypatch: pytest.MonkeyPatch,
    *,
    size: int = 8,
    data: Samples | None = None,
    optimizer: dict[str, Any] | None = None,
    **training: Any,
) -> Streams:
    """What a run draws in each pass."""
    spec = document(**training)
    spec["corruption"] = [{"type": "gaussian_noise", "std": 0.1}]
    if optimizer:
        spec["training"]["optimizer"] = optimizer
    streams = Streams([], [], [], [])
    read = aezoo.read(spec)
    # Built anew each time: a model is also built without memory, to see whether its shapes fit.
    monkeypatch.setattr(type(read.corruption[0]), "build", lambda self, shape, span: Recorded(streams, size))
    monkeypatch.setattr(type(read.latent), "build", lambda self, shape: Noisy(streams, size))
    aezoo.train(spec, data or samples())
    return streams


def of(streams: Streams, *, training: bool) -> Streams:
    """The passes of training, or those of validation."""
    chosen = [i for i, flag in enumerate(streams.training) if flag is training]
    return Streams(*([column[i] for i in chosen] for column in streams))


def correlation(first: Tensor, second: Tensor) -> float:
    return torch.corrcoef(torch.stack([first, second]))[0, 1].abs().item()


def test_corruption_latent_noise_and_layers_of_their_own_draw_unrelated_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    streams = drawn(monkeypatch, size=10_000, steps=3)
    everything = [*streams.corruption, *streams.latent, *streams.own]
    assert len(everything) == 3 * (3 + 3)
    assert all(draw.mean().abs() < 0.05 and (draw.std() - 1).abs() < 0.05 for draw in everything)
    of_validation = of(streams, training=False).corruption
    for i, first in enumerate(everything):
        for second in everything[:i]:
            if torch.equal(first, second):  # validation has the same noise at every epoch
                continue
            # Five standard deviations of the correlation of 10 000 independent pairs.
            assert correlation(first, second) < 0.05
    # Of each stream three passes of training, none like another, and one of validation that comes three times.
    assert len({tuple(draw.tolist()) for draw in everything}) == 3 * (3 + 1)
    assert all(torch.equal(draw, of_validation[0]) for draw in of_validation)


def test_every_epoch_is_validated_with_the_same_noise_and_every_batch_with_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    streams = of(drawn(monkeypatch, steps=3, batch_size=3, data=samples(validation=VALIDATION * 2)), training=False)
    for column in streams[:3]:
        assert len(column) == 6  # two batches, three epochs
        assert not torch.equal(column[0], column[1])
        assert all(torch.equal(draw, column[i % 2]) for i, draw in enumerate(column))


def test_every_step_of_training_has_noise_of_its_own_that_the_seed_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    first, again, other = (of(drawn(monkeypatch, steps=4, seed=seed), training=True)[:3] for seed in (5, 5, 6))
    for one, same, another in zip(first, again, other, strict=True):
        assert len({tuple(draw.tolist()) for draw in one}) == 4
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
        assert not any(torch.equal(a, b) for a, b in zip(one, another, strict=True))


def normal(seed: int, stream: str, *counters: int) -> Tensor:
    return torch.randn(8, generator=Generator().manual_seed(derive(seed, stream, *counters)))


def test_all_noise_is_a_function_of_the_seed_the_streams_name_the_position_and_the_player(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    streams = drawn(monkeypatch, steps=2, seed=3)
    for name, training in (("train", True), ("validation", False)):
        passes = of(streams, training=training)
        for position in range(2):
            counter = position if training else 0  # validation is of one batch, twice
            assert torch.equal(passes.corruption[position], normal(3, f"{name}.corruption", counter, 0))
            assert torch.equal(passes.latent[position], normal(3, f"{name}.latent", counter, 0))
            assert torch.equal(passes.own[position], normal(3, f"{name}.global", counter, 0))


def test_a_line_search_meets_the_same_noise_within_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    search = {"type": "lbfgs", "max_iter": 4}
    streams = of(drawn(monkeypatch, optimizer=search, steps=3, data=samples((1.0, -0.5, 2.0))), training=True)
    for column in streams[:3]:
        assert len(column) > 3, "the loss was asked for more than once a step"
        kinds = [tuple(draw.tolist()) for draw in column]
        runs = [key for key, _ in itertools.groupby(kinds)]
        assert len(runs) == len(set(runs)) == 3, "one kind of noise a step"


def test_a_line_search_is_logged_by_the_loss_before_it_moves() -> None:
    spec = document(steps=1)
    spec["training"]["optimizer"] = {"type": "lbfgs", "max_iter": 3}
    error, _ = terms(start_of(spec), TRAIN)
    (record,) = logged(aezoo.train(spec, samples()), "train", epochs=False)
    assert record["reconstruction"] == near(error)


# --- what is shown, and what is kept of a run that ends early --------------------------------------------


class Shown:
    """Keeps what a run shows."""

    def __init__(self, interval: float = 1e9) -> None:
        self.interval = interval
        self.calls: list[Any] = []

    def start(self, steps: int) -> None:
        self.calls.append(("start", steps))

    def show(self, step: int, terms: Any) -> None:
        self.calls.append((step, dict(terms)))

    def close(self) -> None:
        self.calls.append("close")


def test_a_run_shows_its_length_its_last_step_and_its_end() -> None:
    shown = Shown()
    spec = document(weight=0.5, steps=3)
    before = path(start_of(spec), 3, weight=lambda step: 0.5)[2]
    aezoo.train(spec, samples(), progress=shown)
    error, penalty = terms(before, TRAIN)
    start, (step, last), close = shown.calls
    assert (start, step, close) == (("start", 3), 3, "close")
    assert last["total"] == near(error + 0.5 * penalty)
    assert last["l2"] == near(penalty)


def test_a_run_whose_interval_is_nothing_shows_every_step() -> None:
    shown = Shown(interval=-1.0)
    aezoo.train(document(steps=3), samples(), progress=shown)
    assert [call[0] for call in shown.calls[1:-1]] == [1, 2, 3]


def test_a_run_that_fails_in_its_first_epoch_keeps_what_it_started_from(tmp_path: Path) -> None:
    shown = Shown()
    spec = document(lr=1e200, steps=5, batch_size=2, log_every=1)
    start = start_of(spec)
    with pytest.raises(RunFailed, match=r"not finite in step 2, batch 2 of epoch 1: reconstruction = inf"):
        aezoo.train(spec, samples(train=TRAIN * 4), out=tmp_path / "run", progress=shown)
    assert shown.calls[-1] == "close"
    assert weights_of(aezoo.load(tmp_path / "run")) == start
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    assert record["ended"] == "not finite"
    assert record["best_step"] == 0


def test_a_run_ends_within_an_epoch_if_its_steps_are_fewer() -> None:
    spec = document(steps=5, batch_size=3)  # an epoch has four
    train = (1.0,) * 12
    run = aezoo.train(spec, samples(train=train))
    assert run.record["steps"] == 5
    assert [record["step"] for record in logged(run, "validation", epochs=True)] == [4, 5]


def test_epochs_are_counted_where_steps_are_not_set() -> None:
    spec = document(batch_size=2, epochs=3)
    del spec["training"]["steps"]
    run = aezoo.train(spec, samples(train=TRAIN * 2))
    assert run.record["steps"] == 9
    del spec["training"]["epochs"]
    assert aezoo.train(spec, samples(train=TRAIN * 2)).record["steps"] == 20 * 3


# --- what is fitted to the training split -------------------------------------------------------------------


def test_values_are_normalized_by_the_moments_of_the_training_split_alone() -> None:
    train = tuple(float(value) for value in range(30))
    spec = document(lr=1e-30, steps=1)
    spec["input"]["normalize"] = "standardize"
    normalizer = aezoo.train(spec, samples(train=train, validation=(1e3, -2e3))).model.network.normalizer
    assert normalizer.shift.item() == near(14.5)
    assert normalizer.scale.item() == near(math.sqrt((30**2 - 1) / 12))


def test_a_prior_is_fitted_to_the_codes_of_the_training_split_under_the_weights_that_are_kept() -> None:
    train = tuple(float(value) for value in range(300))
    spec = document(lr=1e-30, steps=1)
    spec["latent"]["prior"] = "fitted_gaussian"
    model = aezoo.train(spec, samples(train=train, validation=(1e3, -2e3))).model
    at = weights_of(model)
    assert model.network.prior.mean.item() == near(at.w * 149.5 + at.b, rel=1e-6)
    deviation = abs(at.w) * math.sqrt((300**2 - 1) / 12)
    assert model.network.prior.chol.item() == near(deviation, rel=2e-6)  # with a ridge of a millionth


def test_a_constraint_is_applied_to_the_average_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Signs:
        """Half a sign: weights that keep it have an average that does not."""

        @torch.no_grad()
        def __call__(self, module: nn.Module) -> None:
            for part in module.parameters():
                part.copy_(part.sign() / 2)

    def signs(weights: Weights) -> Weights:
        return weights._replace(c=math.copysign(0.5, weights.c), d=math.copysign(0.5, weights.d))

    spec = document(steps=8, ema=0.9)
    spec["constraints"] = {"norm": {"type": "unit_norm", "on": "decoder.0"}}
    monkeypatch.setattr(type(aezoo.read(spec).constraints["norm"]), "build", lambda self: Signs())
    at = [start_of(spec)]
    for _ in range(8):
        at.append(signs(at[-1].moved(gradient(at[-1], TRAIN, 0.0), RATE)))
    average = at[0].blended(at[8], max(1 - 0.9**8, 0.5))
    assert abs(average.c) != 0.5
    assert weights_of(aezoo.train(spec, samples()).model) == near(signs(average))


def test_a_weight_of_one_counts_in_the_total_that_chooses_without_a_validation_split() -> None:
    spec = document(weight=1.0, best_by="total")
    before = path(start_of(spec), 3, weight=lambda step: 1.0)[:3]
    run = aezoo.train(spec, samples(validation=()))
    assert run.record["validation"]["total"] == near(min(sum(terms(at, TRAIN)) for at in before))


def test_a_run_in_another_thread_takes_the_same_steps() -> None:
    spec, runs = document(), []
    thread = threading.Thread(target=lambda: runs.append(aezoo.train(spec, samples())))
    thread.start()
    thread.join(timeout=300)
    assert weights_of(runs[0].model) == near(path(start_of(spec), 3)[3])


def test_after_a_run_an_interrupt_is_handled_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    aezoo.train(document(steps=1), samples())
    assert signal.getsignal(signal.SIGINT) is before
