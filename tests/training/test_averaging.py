"""Averaged weights: which, when, and that the model has its own again afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from aezoo.training.averaging import Average, snapshot


def set_to(model: nn.Linear, value: float) -> None:
    with torch.no_grad():
        model.weight.fill_(value)


def test_an_average_starts_with_the_mean_of_its_start_and_the_eighth_step() -> None:
    model = nn.Linear(1, 1, bias=False)
    set_to(model, 1.0)
    average = Average(model, decay=0.999)
    for step in range(1, 25):
        set_to(model, float(step))
        average.update(step)
        with average.applied():
            seen = model.weight.item()
        assert model.weight.item() == step
        if step < 8:
            assert seen == step
        elif step < 16:
            assert seen == pytest.approx((1 + 8) / 2)
        elif step < 24:
            assert seen == pytest.approx(4.5 + (16 - 4.5) / 3)
        else:
            assert seen == pytest.approx(4.5 + (16 - 4.5) / 3 + (24 - 4.5 - (16 - 4.5) / 3) / 4)


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_an_old_average_forgets_by_its_decay(decay: float) -> None:
    model = nn.Linear(1, 1, bias=False)
    set_to(model, 1.0)
    average = Average(model, decay)
    set_to(model, 2.0)
    average.update(8000)
    with average.applied():
        assert model.weight.item() == pytest.approx(2 - decay**8)


def test_what_is_done_to_averaged_weights_stays_in_the_average() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = Average(model, decay=0.5)
    set_to(model, 2.0)
    average.update(8)
    with average.applied():
        set_to(model, 7.0)
    assert model.weight.item() == 2.0
    with average.applied():
        assert model.weight.item() == 7.0


def test_the_model_has_its_own_weights_again_after_an_error() -> None:
    model = nn.Linear(1, 1, bias=False)
    set_to(model, 0.0)
    average = Average(model, decay=0.5)
    set_to(model, 2.0)
    average.update(8)
    context = average.applied()
    context.__enter__()
    assert model.weight.item() != 2.0
    assert not context.__exit__(ValueError, ValueError("within"), None)
    assert model.weight.item() == 2.0


def test_weights_that_do_not_learn_are_not_averaged() -> None:
    model = nn.Linear(1, 1)
    model.bias.requires_grad_(False)
    average = Average(model, decay=0.5)
    with torch.no_grad():
        model.bias.fill_(5.0)
    average.update(8)
    with average.applied():
        assert model.bias.item() == 5.0
    assert len(average.live) == 1


def test_a_snapshot_is_a_copy_of_weights_and_buffers() -> None:
    model = nn.BatchNorm1d(2)
    state = snapshot(model)
    with torch.no_grad():
        model.weight.fill_(9.0)
        model.running_mean.fill_(9.0)  # type: ignore[union-attr]
    assert state["weight"].tolist() == [1.0, 1.0]
    assert state["running_mean"].tolist() == [0.0, 0.0]
    assert not state["weight"].requires_grad
