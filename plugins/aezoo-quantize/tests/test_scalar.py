"""Quantization without a codebook: levels and signs."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from aezoo_quantize.fsq import FSQ
from aezoo_quantize.lfq import LFQ
from aezoo_quantize.terms import evenness, undecided
from torch import Generator, Tensor, nn


def through(width: int) -> nn.Linear:
    """A map that changes nothing."""
    layer = nn.Linear(width, width, bias=False)
    nn.init.eye_(layer.weight)
    return layer


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=Generator().manual_seed(seed))


# --- levels --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [(8, 6, 5), (7, 5, 5, 5, 5), (2, 3), (4,)])
def test_every_index_names_a_code_of_its_own_and_leads_back(levels: tuple[int, ...]) -> None:
    layer = FSQ(through(len(levels)), levels)
    named = layer.embed(torch.arange(math.prod(levels)))
    assert len(named.unique(dim=0)) == math.prod(levels)
    assert -1 <= named.min() <= named.max() <= 1
    half, offset = [level // 2 for level in levels], [level % 2 == 0 for level in levels]
    squashed = (named * torch.tensor(half) + 0.5 * torch.tensor(offset)) / (torch.tensor(levels) - 1) * 2 / 1.001
    pre = torch.atanh(squashed) - torch.atanh(torch.tensor(offset) / ((torch.tensor(levels) - 1) * 1.001))
    assert layer(pre).indices.tolist() == list(range(math.prod(levels)))


def test_any_value_is_reached_and_none_lies_beyond() -> None:
    layer = FSQ(through(2), (5, 8))
    code = layer(torch.tensor([[-50.0, -50.0], [50.0, 50.0], [0.0, 0.0]]))
    assert code.z.tolist() == [[-1.0, -1.0], [1.0, 0.75], [0.0, 0.0]]


def test_a_uniform_value_is_rounded_with_an_error_of_a_twelfth_of_the_squared_step() -> None:
    layer = FSQ(through(1).double(), (9,))
    bounded = torch.linspace(-3.999, 3.999, 40_001, dtype=torch.float64)[:, None]  # before rounding, in steps
    z = layer(torch.atanh(bounded / (4 * 1.001))).z * 4
    inner = bounded.abs() <= 3.5
    assert (z - bounded)[inner].square().mean().item() == pytest.approx(1 / 12, rel=1e-3)


def test_the_gradient_of_levels_is_that_of_the_squashed_value() -> None:
    layer, x = FSQ(through(1), (5,)), torch.tensor([[0.3]], requires_grad=True)
    (slope,) = torch.autograd.grad(layer(x).z.sum(), x)
    assert slope.item() == pytest.approx(2 * 1.001 / 2 * (1 - math.tanh(0.3) ** 2))


def test_levels_on_a_grid_stand_on_that_grid() -> None:
    layer = FSQ(nn.Conv2d(3, 2, 1), (5, 5))
    code = layer(torch.randn(4, 3, 6, 7, generator=Generator().manual_seed(0)))
    assert code.z.shape == (4, 2, 6, 7)
    assert code.indices.shape == (4, 6, 7)
    assert torch.equal(layer.embed(code.indices), code.z)


# --- signs -----------------------------------------------------------------------------------------------------


def test_the_bits_of_an_index_are_the_signs() -> None:
    layer = LFQ(through(3), 3)
    code = layer(torch.tensor([[0.5, -2.0, 0.1], [-1.0, 0.0, -3.0]]))
    assert code.z.tolist() == [[1.0, -1.0, 1.0], [-1.0, -1.0, -1.0]]
    assert code.indices.tolist() == [5, 0]
    assert torch.equal(layer.embed(code.indices), code.z)


def by_hand(logits: Tensor) -> Tensor:
    """The probability of each code: softmax of -|pre - c|^2 / T over all of them."""
    width = logits.shape[1]
    codes = torch.tensor(list(product((-1.0, 1.0), repeat=width)), dtype=logits.dtype)
    return (-((logits / 4)[:, None] - codes).square().sum(dim=-1)).softmax(dim=-1)


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_the_entropies_are_those_of_all_the_codes(width: int) -> None:
    logits = 3 * normal(50, width).double()
    likely = by_hand(logits)
    torch.testing.assert_close(undecided(logits), -torch.special.xlogy(likely, likely).sum(dim=-1))
    mean = likely.mean(dim=0)
    torch.testing.assert_close(evenness(logits), -torch.special.xlogy(mean, mean).sum())


def test_decided_signs_that_are_used_alike_are_the_best_there_is() -> None:
    every = torch.tensor(list(product((-1.0, 1.0), repeat=4))) * 400
    assert undecided(every).sum().item() == pytest.approx(0, abs=1e-6)
    assert evenness(every).item() == pytest.approx(4 * math.log(2))
    assert evenness(every[:1].expand(16, 4)).item() == pytest.approx(0, abs=1e-6)


def test_the_entropy_term_has_finite_gradients_at_the_ends() -> None:
    logits = torch.tensor([[300.0, -300.0], [0.0, 300.0]], requires_grad=True)
    (undecided(logits).mean() - evenness(logits)).backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(logits.grad).all()  # type: ignore[arg-type]
