"""Rates that fall where validation gets no better: as torch's, and kept with the run."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

import aezoo
from aezoo.spec.training import PlateauSpec
from aezoo.testing.stops import faults_of_stops
from aezoo.training.plateau import Plateau


def spec(**training: Any) -> dict[str, Any]:
    return {
        "name": "flat",
        "input": [6],
        "latent": {"type": "deterministic", "dim": 2},
        "data": {"type": "gaussian", "n": 60, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        "training": {"epochs": 6, "batch_size": 16, **training},
    }


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "settings", [{}, {"patience": 0}, {"patience": 2, "factor": 0.5, "cooldown": 3}, {"patience": 1, "threshold": 0.2}]
)
def test_it_falls_when_torch_says_so(settings: dict[str, Any], seed: int) -> None:
    plateau = Plateau(PlateauSpec(**settings), "total")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, eps=0.0, **settings)
    draw = random.Random(seed)
    for step in range(60):
        value = 1 + draw.random() * 0.9 ** (step // 8)
        theirs.step(value)
        assert plateau.scale_after({"total": value}) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


def test_a_value_below_zero_is_better_by_a_share_of_its_size() -> None:
    plateau = Plateau(PlateauSpec(patience=0, threshold=0.1, factor=0.5), "total")
    scales = [plateau.scale_after({"total": value}) for value in (-10.0, -10.5, -11.5, -11.5)]
    assert scales == [1.0, 0.5, 0.5, 0.25]


def test_it_falls_to_the_least_and_watches_the_term_that_chooses_the_weights() -> None:
    plateau = Plateau(PlateauSpec(patience=0, factor=0.1, least=0.05), "kl")
    values = [plateau.scale_after({"total": float(step), "kl": 1.0}) for step in range(5)]
    assert values == [1.0, 0.1, 0.05, 0.05, 0.05]
    assert Plateau(PlateauSpec(), "last").term == "total"


def test_every_rate_of_a_run_falls_and_schedules_go_on_below_it() -> None:
    groups = [{"on": "latent", "lr": 1e-6}]
    optimizer = {"type": "sgd", "lr": {"type": "exponential", "start": 1e-9, "end": 1e-10}, "groups": groups}
    plateau = {"patience": 0, "factor": 0.5, "threshold": 0.99}  # nothing is that much better: it falls each time
    run = aezoo.train(spec(optimizer=optimizer, plateau=plateau))
    rates = [record["rate"] for record in run.history if record["split"] == "train"]
    per_epoch = run.record["steps"] // 6
    last = [1e-9 ** (1 - t) * 1e-10**t for t in ((i * per_epoch - 1) / run.record["steps"] for i in range(1, 7))]
    assert rates == pytest.approx([rate * 0.5 ** max(0, i - 1) for i, rate in enumerate(last)], rel=1e-9)


def test_a_run_without_it_says_nothing_of_rates() -> None:
    assert all("rate" not in record for record in aezoo.train(spec(epochs=1)).history)


@pytest.mark.parametrize("lr", [0.1, {"type": "warmup", "steps": 3, "then": {"type": "one_cycle", "peak": 0.1}}])
def test_stopped_after_any_step_it_goes_on_to_the_same_bits(lr: Any) -> None:
    plateau = {"patience": 0, "factor": 0.5, "threshold": 0.3, "cooldown": 1}
    assert faults_of_stops(spec(optimizer={"type": "adam", "lr": lr}, plateau=plateau), every=2) == []
