"""Running means of losses: of hundreds of batches, weighed, and begun anew."""

from __future__ import annotations

import pytest
import torch

from aezoo.nn.objective import Losses
from aezoo.training.meter import Meter


def losses(value: float, weight: float = 0.5) -> Losses:
    error, penalty = torch.tensor(value), torch.tensor(10 * value)
    weighted = {"error": error, "penalty": weight * penalty}
    return Losses(error + weight * penalty, {"error": error, "penalty": penalty}, weighted)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 129, 300])
def test_the_means_of_any_number_of_batches_are_exact(count: int) -> None:
    meter = Meter()
    for value in range(1, count + 1):
        meter.add(losses(float(value)))
        if value in (10, 64, 70):  # asked for on the way, which changes nothing
            assert meter.means()["error"] == (value + 1) / 2
    mean = (count + 1) / 2
    assert meter.means() == {"total": 6 * mean, "error": mean, "penalty": 10 * mean, "penalty.weighted": 5 * mean}
    assert meter.count == count


def test_rows_weigh() -> None:
    meter = Meter()
    meter.add(losses(1.0), rows=3)
    meter.add(losses(5.0), rows=1)
    assert meter.means()["error"] == 2.0
    meter.add(losses(8.0), rows=2)
    assert meter.means()["error"] == 4.0
    assert meter.count == 6


def test_a_term_whose_weight_is_one_is_named_once() -> None:
    value = torch.tensor(2.0)
    meter = Meter()
    meter.add(Losses(value, {"error": value}, {"error": value}))
    assert meter.means() == {"total": 2.0, "error": 2.0}


def test_what_is_cleared_is_forgotten_and_nothing_has_no_means() -> None:
    meter = Meter()
    assert meter.means() == {}
    for _ in range(70):
        meter.add(losses(9.0))
    meter.clear()
    assert (meter.means(), meter.count) == ({}, 0)
    meter.add(losses(1.0))
    assert meter.means()["error"] == 1.0


def test_many_large_terms_keep_their_digits() -> None:
    meter = Meter()
    for value in [2.0**24] + [1.0] * 200:
        meter.add(losses(value))
    assert meter.means()["error"] == (2.0**24 + 200) / 201  # a sum in float32 would stay at 2^24


def test_no_graph_is_kept() -> None:
    value = torch.tensor(2.0, requires_grad=True)
    meter = Meter()
    meter.add(Losses(value * 1, {"error": value * 1}, {"error": value * 3}), rows=2)
    assert not any(tensor.requires_grad for tensor in meter.pending)


def test_64_batches_are_kept_before_they_are_summed() -> None:
    meter = Meter()
    for _ in range(63):
        meter.add(losses(1.0))
    assert (len(meter.pending), meter.sums) == (63 * 4, None)  # four terms of a batch
    meter.add(losses(1.0))
    assert meter.pending == []
    assert meter.sums is not None
    assert meter.sums.tolist() == [64 * 6.0, 64.0, 64 * 10.0, 64 * 5.0]
