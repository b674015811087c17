"""The optimizers: torch's own, number for number."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aezoo.nn import optimizers

SETTINGS: dict[str, dict[str, Any]] = {
    "Adam": {"lr": 0.1, "weight_decay": 0.01, "fused": True},
    "AdamW": {"lr": 0.1, "weight_decay": 0.05},
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
