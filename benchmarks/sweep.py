"""What runs of equal shape cost when they are trained as one, beside the same runs one after another.

    OMP_NUM_THREADS=1 python benchmarks/sweep.py           k = 16 and 64
    OMP_NUM_THREADS=1 python benchmarks/sweep.py 16

CPU seconds of the training loops alone, validation included: opening data, building and evaluating are the same on both
sides. Both sides of a pair follow each other in one process; the figure is the median of the ratios.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import aezoo
from aezoo.stacking.loop import StackedLoop
from aezoo.training.history import History
from aezoo.training.loop import Loop
from aezoo.training.progress import Silent
from aezoo.training.setup import assemble, set_up
from aezoo.training.signals import Stop

PAIRS = int(os.environ.get("PAIRS", "3"))
PLAIN: dict[str, Any] = {
    "name": "tiny",
    "input": [64],
    "encoder": [{"type": "linear", "features": 32}],
    "latent": {"type": "deterministic", "dim": 8},
    "data": {"type": "gaussian", "n": 4000, "eigenvalues": [1 / (i + 1) for i in range(64)]},
    "training": {"epochs": 2, "batch_size": 32},
}
MODELS = {
    "plain 64-32-8": PLAIN,
    "variational 64-32-8": {**PLAIN, "latent": {"type": "gaussian", "dim": 8}, "regularizers": {"kl": {}}},
}


def loops(source: dict[str, Any], k: int) -> tuple[list[Loop], list[Any]]:
    made, tables = [], []
    for seed in range(k):
        spec = aezoo.read(source, overrides=[f"training.seed={seed}"])
        setup = set_up(spec, device="cpu", threads=1)
        made.append(assemble(spec, setup, History(), Silent(), Stop())[1])
        tables.append(spec.training.optimizer)
    return made, tables


def pair(source: dict[str, Any], k: int) -> tuple[float, float]:
    """CPU seconds one after another, and as one."""
    alone, _ = loops(source, k)
    stacked, tables = loops(source, k)
    begin = time.process_time()
    for loop in alone:
        loop.run()
    between = time.process_time()
    StackedLoop(stacked, tables, progress=Silent(), stop=Stop()).run()
    return between - begin, time.process_time() - between


def main() -> None:
    torch.set_num_threads(1)
    for k in [int(word) for word in sys.argv[1:]] or [16, 64]:
        for name, source in MODELS.items():
            pairs = [pair(source, k) for _ in range(PAIRS)]
            ratio = statistics.median(alone / stacked for alone, stacked in pairs)
            alone, stacked = (statistics.median(side) for side in zip(*pairs, strict=True))
            print(f"k = {k:2}  {name:20}  {alone:6.1f} s alone  {stacked:5.1f} s stacked  {ratio:.1f} times")


if __name__ == "__main__":
    main()
