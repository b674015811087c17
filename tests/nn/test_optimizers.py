"""The optimizers: torch's own, number for number."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aezoo.nn import optimizers

SETTINGS: dict[str, dict[str, Any]] = {
    "Adam": {"lr": 0.1, "weight_decay": 0.01, "fused": True},
    "AdamW": {"lr": 0.1, "weight_decay": 0.05},
    "RAdam": {"lr": 0.1, "weight_decay": 0.05, "decoupled_weight_decay": True},
    "NAdam": {"lr": 0.1, "weight_decay": 0.05, "momentum_decay": 0.1},
    "Adafactor": {"lr": 0.1, "weight_decay": 0.05, "d": 1.05},
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    "RMSprop": {"lr": 0.01, "momentum": 0.5},
    "LBFGS": {"lr": 0.5, "max_iter": 3},
}


def trained(kind: type[torch.optim.Optimizer], settings: dict[str, Any]) -> dict[str, Any]:
    """Weights and state after four steps on a curved loss."""
    torch.manual_seed(0)
    model = nn.Linear(5, 3)
    x, y = torch.randn(7, 5), torch.randn(7, 3)
    optimizer = kind(model.parameters(), **settings)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (model(x).tanh() - y).square().sum()
        loss.backward()
        return loss

    for _ in range(4):
        optimizer.step(closure)
    assert torch.is_grad_enabled()
    return {**model.state_dict(), "state": optimizer.state_dict()["state"]}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_it_moves_weights_as_the_one_of_torch_does_to_the_last_bit(name: str) -> None:
    ours = trained(getattr(optimizers, name), SETTINGS[name])
    theirs = trained(getattr(torch.optim, name), SETTINGS[name])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_it_is_one_of_torch_and_keeps_its_hooks(name: str) -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = getattr(optimizers, name)([{"params": [weight], "lr": 0.5}])
    assert isinstance(optimizer, getattr(torch.optim, name))
    assert optimizer.param_groups[0]["lr"] == 0.5
    calls: list[str] = []
    optimizer.register_step_post_hook(lambda *_: calls.append("stepped"))
    weight.grad = torch.ones(2)
    optimizer.step(lambda: torch.zeros(()))
    assert calls == ["stepped"]


def moved(kind: type[torch.optim.Optimizer], steps: int, *, reload: int = -1, skip: int = -1) -> dict[str, Any]:
    """Weights and state after steps without a closure, as the training loop takes them, with a changing rate."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 2))
    x = torch.randn(7, 5)
    optimizer = kind(model.parameters(), lr=0.1, weight_decay=0.01, fused=True)
    for step in range(steps):
        if step == reload:
            state = deepcopy(optimizer.state_dict())
            optimizer = kind(model.parameters(), lr=0.3, fused=True)
            optimizer.load_state_dict(state)
        optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
        optimizer.zero_grad()
        (model[0](x) if step == skip else model(x)).tanh().sum().backward()  # only the first layer has gradients
        optimizer.step()
    return {**model.state_dict(), "state": optimizer.state_dict()["state"]}


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize("case", [{}, {"skip": 0}, {"skip": 3}, {"reload": 3}, {"reload": 3, "skip": 4}])
def test_the_steps_that_sort_weights_once_are_those_of_torch_to_the_last_bit(name: str, case: dict[str, int]) -> None:
    ours = moved(getattr(optimizers, name), 7, **case)
    theirs = moved(getattr(torch.optim, name), 7, **case)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_adam_falls_back_to_torch_where_a_step_is_not_one_kernel() -> None:
    single, double = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, dtype=torch.float64))
    groups = [single], [{"params": [double]}, {"params": [single], "lr": 0.5}]
    for parameters in groups:
        ours, theirs = (kind(deepcopy(parameters), lr=0.1, fused=True) for kind in (optimizers.Adam, torch.optim.Adam))
        for _ in range(3):
            for optimizer in (ours, theirs):
                for group in optimizer.param_groups:
                    for p in group["params"]:
                        p.grad = torch.full_like(p, 0.5)
                optimizer.step()
        weights = [[p for group in each.param_groups for p in group["params"]] for each in (ours, theirs)]
        torch.testing.assert_close(*weights, rtol=0, atol=0)


def test_a_group_added_later_is_moved() -> None:
    first, second = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = optimizers.Adam([first], lr=0.1, fused=True)
    first.grad, second.grad = torch.ones(2), torch.ones(2)
    optimizer.step()
    optimizer.add_param_group({"params": [second]})
    optimizer.step()
    assert second[0] != 1
