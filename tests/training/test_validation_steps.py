"""Validation every so many steps: when it is, what it chooses, and that a run which is stopped goes on to the same."""

from __future__ import annotations

from typing import Any

import pytest

import aezoo
from aezoo.errors import DataError
from aezoo.testing.stops import faults_of_stops


def spec(**training: Any) -> dict[str, Any]:
    return {
        "name": "validated",
        "input": [6],
        "corruption": [{"type": "gaussian_noise", "std": 0.3}],
        "encoder": [{"type": "linear", "features": 8}, {"type": "dropout", "p": 0.1}],
        "latent": {"type": "gaussian", "dim": 2},
        "likelihood": "mse",
        "regularizers": {"kl": {}},
        "data": {"type": "gaussian", "n": 120, "eigenvalues": [4.0, 2.0, 1.0, 0.5, 0.2, 0.1]},
        "training": {"epochs": 4, "batch_size": 32, "optimizer": {"type": "adam", "lr": 0.01}, **training},
    }


def validated(run: Any) -> list[int]:
    return [record["step"] for record in run.history if record["split"] == "validation"]


@pytest.mark.parametrize(
    ("every", "steps"), [(None, [3, 6, 9, 12]), (1, [*range(1, 13)]), (5, [5, 10, 12]), (99, [12])]
)
def test_it_is_at_each_such_step_and_the_last(every: int | None, steps: list[int]) -> None:
    run = aezoo.train(spec(validate_every=every) if every else spec())
    assert validated(run) == steps
    epochs = [record["step"] for record in run.history if record["split"] == "train" and "epoch" in record]
    assert epochs == [3, 6, 9, 12]  # the means of training stay those of epochs


def test_when_it_is_changes_no_step_and_no_mean() -> None:
    def of(run: Any, split: str) -> dict[int, Any]:
        return {record["step"]: record["total"] for record in run.history if record["split"] == split}

    at_epochs, at_steps = aezoo.train(spec(best_by="last")), aezoo.train(spec(best_by="last", validate_every=1))
    assert of(at_epochs, "train") == of(at_steps, "train")
    assert of(at_epochs, "validation").items() <= of(at_steps, "validation").items()
    weights = [run.model.network.state_dict() for run in (at_epochs, at_steps)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])


def test_the_weights_that_are_kept_are_those_of_the_best_step() -> None:
    jump = {"type": "adam", "lr": {"type": "piecewise", "values": [0.01, 0.5], "at": [5]}}  # to where it is worse
    run = aezoo.train(spec(validate_every=1, optimizer=jump))
    values = {record["step"]: record["total"] for record in run.history if record["split"] == "validation"}
    best = run.record["best_step"]
    assert best == min(values, key=values.__getitem__)
    assert best < 12
    again = aezoo.train(spec(validate_every=best, optimizer=jump, steps=best))
    kept, ended = (each.model.network.state_dict() for each in (run, again))
    assert all(kept[name].equal(ended[name]) for name in kept)


def test_patience_counts_validations_and_ends_a_run_within_an_epoch() -> None:
    still = {"type": "sgd", "lr": 0.0}  # no later value is better
    run = aezoo.train(spec(validate_every=2, patience=3, optimizer=still))
    assert validated(run) == [2, 4, 6, 8]
    assert run.record["steps"] == 8
    assert run.record["ended"] == "patience"


@pytest.mark.parametrize(
    "training",
    [
        {"validate_every": 2},
        {"validate_every": 5, "ema": 0.9, "best_by": "reconstruction"},
        {"validate_every": 2, "patience": 2, "optimizer": {"type": "sgd", "lr": 0.0}},
        {"validate_every": 1, "plateau": {"patience": 0, "factor": 0.5, "threshold": 0.2}},
    ],
)
def test_stopped_after_any_step_it_goes_on_to_the_same_bits(training: dict[str, Any]) -> None:
    assert faults_of_stops(spec(**training)) == []


def test_where_nothing_is_held_out_it_is_refused() -> None:
    document = spec(validate_every=2)
    with pytest.raises(DataError, match="no sample is held out for validation") as caught:
        aezoo.train({**document, "data": {**document["data"], "validation": 0.0}})
    assert "data.validation = 0.1" in caught.value.hint
