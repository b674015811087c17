"""Muon with AdamW: torch's own two optimizers, each with its weights."""

from __future__ import annotations

import copy
import sys

import pytest
import torch
from torch import Tensor, nn

from aezoo.nn.muon import MuonWithAdamW, is_matrix

MUON = {"lr": 0.05, "weight_decay": 0.2, "momentum": 0.8, "nesterov": False, "ns_steps": 3}
ADAMW = {"lr": 0.02, "weight_decay": 0.3, "betas": (0.7, 0.9), "eps": 1e-3}


class Net(nn.Module):
    """Weights of one, two and four axes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.wide, self.tall = nn.Conv2d(1, 3, 2), nn.Linear(12, 4), nn.Linear(4, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.tall(self.wide(self.conv(x).tanh().flatten(1)).tanh())


def stepped(net: Net, steps: int, *optimizers: torch.optim.Optimizer) -> None:
    x = torch.linspace(-1, 1, 45).view(5, 1, 3, 3)
    for _ in range(steps):
        net.zero_grad()
        net(x).square().sum().backward()
        for optimizer in optimizers:
            optimizer.step()


def ours(net: Net) -> MuonWithAdamW:
    return MuonWithAdamW(net.parameters(), muon=MUON, adamw=ADAMW)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_step_is_one_of_muon_and_one_of_adamw_to_the_last_bit(steps: int) -> None:
    torch.manual_seed(0)
    first = Net()
    second = copy.deepcopy(first)
    stepped(first, steps, ours(first))
    matrices = [second.wide.weight, second.tall.weight]
    rest = [*second.conv.parameters(), second.wide.bias, second.tall.bias]
    stepped(second, steps, torch.optim.Muon(matrices, **MUON), torch.optim.AdamW(rest, **ADAMW))
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)


def test_a_state_that_is_loaded_is_gone_on_from() -> None:
    torch.manual_seed(0)
    first = Net()
    optimizer = ours(first)
    stepped(first, 3, optimizer)
    second = copy.deepcopy(first)
    loaded = MuonWithAdamW(second.parameters(), muon={**MUON, "lr": 1.0}, adamw=ADAMW)
    stepped(copy.deepcopy(second), 1, loaded)  # it has derived its halves, which are to be forgotten
    loaded.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    stepped(first, 3, optimizer)
    stepped(second, 3, loaded)
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)


def test_rates_that_are_set_reach_both_halves() -> None:
    net = Net()
    before = copy.deepcopy(net.state_dict())
    optimizer = ours(net)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    stepped(net, 2, optimizer)
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize(("shape", "halves"), [((3, 2), ["muon"]), ((3,), ["adamw"]), ((3, 2, 1, 1), ["adamw"])])
def test_one_half_may_have_no_weights(shape: tuple[int, ...], halves: list[str]) -> None:
    weight = nn.Parameter(torch.ones(shape))
    optimizer = MuonWithAdamW([weight], muon=MUON, adamw=ADAMW)
    assert [group["half"] for group in optimizer.param_groups] == halves
    weight.grad = torch.ones(shape)
    assert optimizer.step(lambda: 2.5) == 2.5
    assert (weight < 1).all()


def test_complex_matrices_are_not_muons() -> None:
    assert is_matrix(torch.zeros(2, 2))
    assert not is_matrix(torch.zeros(2, 2, dtype=torch.complex64))


def test_an_older_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from aezoo.builtins.muon import MuonSpec
    from aezoo.errors import RunFailed

    monkeypatch.delitem(sys.modules, "aezoo.nn.muon")
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(RunFailed, match=r"Muon came with torch 2\.9") as caught:
        MuonSpec().build([nn.Parameter(torch.ones(2))], lr=0.1)
    assert caught.value.hint == "pip install -U 'torch>=2.9'"
