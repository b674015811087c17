"""A codebook in two processes, each with some of the vectors, is that of one process with all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from aezoo_quantize.codebook import Codebook

PROCESS = """
import sys
sys.path.insert(0, sys.argv[4])
import torch
import torch.distributed as dist
from test_distributed import learned

rank, store, result = int(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
torch.save(learned(*((0, 20) if rank == 0 else (20, 64))), result)
dist.destroy_process_group()
"""
X = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))


def learned(start: int, stop: int) -> dict[str, torch.Tensor]:
    """The state of a codebook after three batches of these rows, and after first codes and restarts of its own."""
    torch.manual_seed(0)
    book = Codebook(5, 2, decay=0.5, kmeans=False, restart=0.0)
    for shift in range(3):
        book(X[start:stop] + shift)
    started = Codebook(5, 2, decay=0.5, restart=0.9)
    for seed in range(2):
        started(X[start:stop], torch.Generator().manual_seed(seed))
    return {**book.state_dict(), **{f"started.{name}": value for name, value in started.state_dict().items()}}


def test_codes_are_those_of_all_vectors_and_the_same_everywhere(tmp_path: Path) -> None:
    store, here = str(tmp_path / "store"), str(Path(__file__).parent)
    paths = [str(tmp_path / f"{rank}.pt") for rank in range(2)]
    runs = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(rank), store, path, here])
        for rank, path in enumerate(paths)
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    one, (first, second) = learned(0, 64), (torch.load(path) for path in paths)
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=0)
        if not name.startswith("started."):
            torch.testing.assert_close(value, one[name], rtol=1e-5, atol=1e-6)
