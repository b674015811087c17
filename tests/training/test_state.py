"""The state of a run: a loop that takes it at any step goes on bit by bit as if nothing had happened."""

from __future__ import annotations

import copy
import json
import math
import signal
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import aezoo
from aezoo.errors import Interrupted
from aezoo.nn.objective import Losses
from aezoo.testing.stops import faults_of_stops
from aezoo.training import step
from aezoo.training.averaging import Average
from aezoo.training.early_stopping import EarlyStopping
from aezoo.training.history import History
from aezoo.training.meter import Meter
from aezoo.training.setup import assemble, set_up
from aezoo.training.signals import Stop, stoppable
from aezoo.training.states.state import (
    Unfitting,
    UnknownState,
    flattened,
    module_state,
    optimizer_state,
    rebuilt,
    restore_module,
    restore_optimizer,
)

CPU = torch.device("cpu")


def through_json(state: Any) -> Any:
    document, tensors = flattened(state)
    return rebuilt(json.loads(json.dumps(document)), tensors, CPU)


# --- values ------------------------------------------------------------------------------------------------


def test_a_state_goes_to_json_and_back_with_every_type_and_bit() -> None:
    state = {
        "floats": [0.1, -0.0, math.inf, -math.inf, 5e-324, 1 / 3],
        "betas": (0.9, 0.999),
        0: {"step": 3, "fused": True, "foreach": None, "name": "adam"},
        "empty": [{}, [], ()],
    }
    back = through_json(state)
    assert back == state
    assert repr(back) == repr(state)  # -0.0 and 0.0 are equal, and tuples are no lists


def test_a_float_that_is_no_number_comes_back() -> None:
    assert math.isnan(through_json([math.nan])[0])


def test_tensors_are_named_by_their_place() -> None:
    document, tensors = flattened({"a": [torch.zeros(2), {3: torch.ones(1)}]})
    assert sorted(tensors) == ["a/0", "a/1/3"]
    back = rebuilt(document, tensors, CPU)
    assert torch.equal(back["a"][0], torch.zeros(2))
    assert torch.equal(back["a"][1][3], torch.ones(1))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_a_tensor_keeps_the_order_of_its_axes_in_memory(order: tuple[int, ...]) -> None:
    value = torch.arange(24.0).reshape(2, 3, 4).permute(order)
    document, tensors = flattened({"a": value})
    stored = {name: tensor.contiguous() for name, tensor in tensors.items()}  # as a file gives it back
    back = rebuilt(document, stored, CPU)["a"]
    assert torch.equal(back, value)
    assert back.stride() == value.stride()


def test_what_no_file_holds_is_named() -> None:
    with pytest.raises(UnknownState, match="a/b: a set cannot be written"):
        flattened({"a": {"b": {1, 2}}})


# --- modules and optimizers --------------------------------------------------------------------------------


class Grows(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 3))
        self.register_buffer("seen", torch.zeros(1))
        self.register_buffer("hidden", torch.zeros(2), persistent=False)


def test_a_module_gets_back_weights_and_buffers_those_left_out_of_its_state_dict_too() -> None:
    old, new = Grows(), Grows()
    with torch.no_grad():
        old.weight.normal_()
        old.hidden.fill_(3.0)
    old.seen = torch.arange(6.0).reshape(2, 3).T  # replaced in training, by one of another shape and order
    pointer = new.weight.data_ptr()
    restore_module(new, through_json(module_state(old)))
    assert torch.equal(new.weight, old.weight)
    assert new.weight.data_ptr() == pointer
    assert torch.equal(new.hidden, old.hidden)
    assert torch.equal(new.seen, old.seen)
    assert new.seen.stride() == old.seen.stride()


@pytest.mark.parametrize("change", [{"other": torch.zeros(1)}, {"weight": torch.zeros(3, 3)}])
def test_the_state_of_another_module_is_refused(change: Mapping[str, Tensor]) -> None:
    module = Grows()
    with pytest.raises(Unfitting):
        restore_module(module, {**module_state(module), **change})


def test_moments_of_a_transposed_weight_lie_as_the_weight_does() -> None:
    """A fused update goes through memory, not through indices."""

    def made() -> tuple[nn.Parameter, torch.optim.Adam]:
        weight = nn.Parameter(torch.arange(6.0).reshape(2, 3).T)
        return weight, torch.optim.Adam([weight], lr=0.1, fused=True)

    def step(weight: nn.Parameter, optimizer: torch.optim.Adam, seed: int) -> None:
        weight.grad = torch.randn(2, 3, generator=torch.Generator().manual_seed(seed)).T
        optimizer.step()

    weight, optimizer = made()
    step(weight, optimizer, 0)
    document, tensors = flattened([weight.detach(), optimizer_state(optimizer)])
    value, known = rebuilt(document, {name: t.contiguous().clone() for name, t in tensors.items()}, CPU)
    other, again = made()
    with torch.no_grad():
        other.copy_(value)
    restore_optimizer(again, known)
    for seed in (1, 2):
        step(weight, optimizer, seed)
        step(other, again, seed)
    assert torch.equal(weight, other)


def test_the_state_of_another_optimizer_is_refused() -> None:
    weights = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    state = optimizer_state(torch.optim.SGD([{"params": weights[:1]}, {"params": weights[1:]}], lr=0.1))
    with pytest.raises(Unfitting, match="other weights"):
        restore_optimizer(torch.optim.SGD(weights, lr=0.1), state)


# --- whole runs --------------------------------------------------------------------------------------------


def small(**changes: Any) -> dict[str, Any]:
    """A spec of fifteen steps, with these tables changed."""
    document: dict[str, Any] = {
        "name": "small",
        "input": [6],
        "encoder": [{"type": "linear", "features": 8}],
        "latent": {"type": "gaussian", "dim": 2},
        "likelihood": {"type": "gaussian"},
        "regularizers": {"kl": {}},
        "data": {"type": "gaussian", "n": 200, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        "training": {"epochs": 3, "batch_size": 32},
    }
    for name, change in changes.items():
        merges = isinstance(change, dict) and isinstance(document.get(name), dict) and name in ("data", "training")
        document[name] = {**document[name], **change} if merges else change
    document["training"] = {key: value for key, value in document["training"].items() if value is not None}
    return document


RUNS: dict[str, dict[str, Any]] = {
    "plain": {},
    "average": {"training": {"ema": 0.9}},
    "schedules": {
        "training": {"optimizer": {"type": "adam", "lr": {"type": "cosine", "start": 0.01, "warmup": 3}}},
        "regularizers": {"kl": {"weight": {"type": "linear", "start": 0.0, "end": 1.0, "steps": 6}}},
    },
    "patience": {"training": {"optimizer": {"type": "sgd", "lr": 1e-30}, "epochs": 9, "patience": 2}},
    "best by": {"training": {"best_by": "kl", "log_every": 2}},
    "last": {"training": {"best_by": "last"}},
    "steps within an epoch": {"training": {"epochs": None, "steps": 10}},
    "last smaller batch": {"training": {"batch_size": 23}},
    "no validation": {"data": {"validation": 0.0}},
    "corruption and dropout": {
        "corruption": [{"type": "gaussian_noise", "std": 0.3}],
        "encoder": [{"type": "linear", "features": 8}, {"type": "dropout", "p": 0.2}],
    },
    "batch norm": {"encoder": [{"type": "linear", "features": 8, "norm": "batch"}]},
    "lbfgs": {
        "latent": {"type": "deterministic", "dim": 2},
        "regularizers": {},
        "training": {"optimizer": {"type": "lbfgs", "max_iter": 4}, "batch_size": 64},
    },
    "momentum": {"training": {"optimizer": {"type": "sgd", "lr": 0.01, "momentum": 0.9}, "clip": 1.0}},
    "rmsprop": {"training": {"optimizer": {"type": "rmsprop", "lr": 0.01, "momentum": 0.5}}},
    "adamw": {"training": {"optimizer": {"type": "adamw", "lr": 0.01}}},
    "radam": {"training": {"optimizer": {"type": "radam", "lr": 0.01}}},
    "nadam": {"training": {"optimizer": {"type": "nadam", "lr": 0.01}}},
    "muon": {
        "training": {
            "optimizer": {
                "type": "muon",
                "lr": {"type": "cosine", "start": 0.02, "warmup": 3},
                "adamw_lr": {"type": "linear", "start": 0.01, "end": 0.0},
                "groups": [{"on": "encoder", "factor": 0.5}, {"weights": "vectors", "weight_decay": 0.0}],
            }
        }
    },
    "schedule free": {
        "training": {"optimizer": {"type": "schedule_free", "lr": 0.01, "warmup_steps": 3}, "validate_every": 2}
    },
    "schedule free, rolled back": {
        "training": {"optimizer": {"type": "schedule_free", "lr": 0.01}, "on_nonfinite": "rollback"}
    },
    "adafactor": {"training": {"optimizer": {"type": "adafactor", "lr": 0.01}}},
    "one cycle": {"training": {"optimizer": {"type": "adam", "lr": {"type": "one_cycle", "peak": 0.01}}}},
    "micro batches": {"training": {"micro_batch": 10}},
    "double": {"training": {"precision": "float64"}},
    "half": {"training": {"precision": "bfloat16"}},
    "standardized": {"input": {"shape": [6], "normalize": "standardize"}},
    "constraint": {"constraints": {"decoder": {"type": "unit_norm", "on": "decoder.0"}}, "training": {"ema": 0.9}},
    "learned variance": {"likelihood": {"type": "gaussian", "variance": "learned"}},
    "optimal variance": {"likelihood": {"type": "gaussian", "variance": "optimal"}},
    "mixture prior": {"latent": {"type": "gaussian", "dim": 2, "prior": {"type": "mixture", "components": 3}}},
    "sparsity": {
        "latent": {"type": "deterministic", "dim": 4, "activation": "sigmoid"},
        "regularizers": {"kl_sparsity": {"weight": 0.1, "momentum": 0.9}},
    },
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_is_stopped_at_any_step_ends_in_the_same_bits(name: str) -> None:
    assert faults_of_stops(small(**RUNS[name])) == []


@pytest.mark.parametrize(
    "forgotten", [(Average, "restore"), (Meter, "restore"), (EarlyStopping, "restore"), (step, "restore_optimizer")]
)
def test_what_is_not_given_back_shows(monkeypatch: pytest.MonkeyPatch, forgotten: tuple[Any, str]) -> None:
    run = small(training={"ema": 0.9, "epochs": 2, "patience": 1, "log_every": 3})
    assert faults_of_stops(run) == []
    monkeypatch.setattr(*forgotten, lambda *_: None)
    assert faults_of_stops(run) != []


class Signal:
    """A progress that sends a signal when a step is shown."""

    interval = 0.0

    def __init__(self, step: int) -> None:
        self.step = step

    def start(self, steps: int) -> None: ...

    def show(self, step: int, terms: object) -> None:
        if step == self.step:
            signal.raise_signal(signal.SIGTERM)

    def close(self) -> None: ...


class Keeper:
    """Keeps the state at a signal alone."""

    keeps_last = False

    def __init__(self) -> None:
        self.kept: list[tuple[tuple[int, int], Any, list[dict[str, Any]]]] = []
        self.history = History()

    keeps_last = False

    def due(self, step: int) -> bool:
        return False

    def due_at_epoch_end(self) -> bool:
        return False

    def save(self, position: tuple[int, int], state: dict[str, Any]) -> None:
        self.kept.append((position, copy.deepcopy(state), [*self.history.records]))


@pytest.mark.parametrize("at", [1, 4, 5, 6, 15])
def test_a_signal_keeps_the_state_before_the_epoch_that_it_cut_short_is_read(at: int) -> None:
    spec = aezoo.read(small())
    setup = set_up(spec)
    whole = assemble(spec, setup, History(), None, Stop())[1]
    outcome = whole.run()
    keeper = Keeper()
    with stoppable() as stop:
        stopped = assemble(spec, setup, keeper.history, Signal(at), stop, keeper)[1].run()
    assert isinstance(stopped.failure, Interrupted)
    ((position, state, records),) = keeper.kept
    assert position == (at, (at - 1) // 5)
    history = History()
    history.records += records
    loop = assemble(spec, setup, history, None, Stop())[1]
    loop.restore(state)
    assert all(torch.equal(value, outcome.state[name]) for name, value in loop.run().state.items())
    assert history.records == whole.history.records


def test_a_signal_during_validation_keeps_the_state_after_it() -> None:
    spec = aezoo.read(small())
    setup = set_up(spec)
    keeper = Keeper()
    with stoppable() as stop:
        loop = assemble(spec, setup, keeper.history, None, stop, keeper)[1]
        validate = loop.validate

        def interrupted(batches: Any) -> Any:
            signal.raise_signal(signal.SIGTERM)
            return validate(batches)

        loop.validate = interrupted  # type: ignore[method-assign]
        loop.run()
    ((position, _, records),) = keeper.kept
    assert position == (5, 1)
    assert records[-1]["split"] == "validation"


def test_reading_the_losses_at_a_moment_of_the_clock_changes_no_digit_of_the_records() -> None:
    """Sums of float64 in another order differ in the last digit, where terms differ by many orders of magnitude."""
    meters = Meter(), Meter()
    for i in range(200):
        value = torch.tensor(1e8 if i % 7 == 0 else 1e-7 * (i + 1))
        for meter in meters:
            meter.add(Losses(value, {"a": value}, {"a": value}))
        if i % 13 == 0:
            meters[0].peek()
    assert meters[0].means() == meters[1].means()
