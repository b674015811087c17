"""Statistics over processes: two processes, each with half of the samples, have the state of one with all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aezoo.nn.distributed import mean_of_all, of_first, summed
from aezoo.nn.gaussian_likelihood import OptimalGaussian
from aezoo.nn.sparsity_penalties import RateKL

#: One process of two: what it is told to do with its half of the samples, and where it writes the result.
PROCESS = """
import sys
import torch
import torch.distributed as dist
from tests.nn.test_distributed import {work}

rank, store, result = int(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
torch.save({work}(rank, 2), result)
dist.destroy_process_group()
"""
X = torch.linspace(0.05, 0.95, 24).view(8, 3)


def in_two(work: str, folder: Path) -> list[dict[str, torch.Tensor]]:
    """What both processes made of their halves."""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", PROCESS.format(work=work)]
    runs = [
        subprocess.Popen([*command, str(rank), str(folder / "store"), str(folder / f"{rank}.pt")], cwd=root)
        for rank in range(2)
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def mine(rank: int, processes: int) -> torch.Tensor:
    # Not halves of one size: a mean of means would be another number.
    return X if processes == 1 else X[:3] if rank == 0 else X[3:]


class Pass:
    """A pass whose code is the samples."""

    def __init__(self, z: torch.Tensor) -> None:
        self.z = z

    def tap(self, name: str) -> torch.Tensor:
        return self.z


def statistics(rank: int, processes: int) -> dict[str, torch.Tensor]:
    x = mine(rank, processes)
    density, rates = OptimalGaussian(momentum=0.5), RateKL("latent", rate=0.1, units=3, momentum=0.5)
    for _ in range(2):
        density.nll(torch.zeros_like(x), x)
        penalty = rates(Pass(x))  # type: ignore[arg-type]
    state = {**density.state_dict(), **{f"rates.{name}": value for name, value in rates.state_dict().items()}}
    return {**state, "penalty": penalty, "sum": summed(x.sum(dim=0)), "first": of_first(X[rank])}


def gradient(rank: int, processes: int) -> dict[str, torch.Tensor]:
    x = mine(rank, processes).clone().requires_grad_()
    scale = torch.ones(3, requires_grad=True)
    mean_of_all((x * scale).mean(dim=0), len(x)).square().sum().backward()  # type: ignore[no-untyped-call]
    assert scale.grad is not None
    # As data parallel training does, with samples of unequal number weighted by it.
    share = torch.full((), float(len(x)))
    return {"gradient": summed(scale.grad * share) / summed(share)}


@pytest.mark.parametrize("work", ["statistics", "gradient"])
def test_two_processes_have_the_numbers_of_one(work: str, tmp_path: Path) -> None:
    one, both = globals()[work](0, 1), in_two(work, tmp_path)
    for name, value in one.items():
        for process in both:
            torch.testing.assert_close(process[name], value, rtol=1e-5, atol=1e-6, msg=name)


def test_one_process_gets_back_what_it_gives() -> None:
    assert summed(X) is X
    assert of_first(X) is X
    assert mean_of_all(X, 8) is X
