"""Train the dictionaries on known directions with several seeds, and print recovery and explained variance.

    python benchmarks/dictionaries.py [--seeds 0 1 2] [--only SPEC ...] [--jobs N] > table.md

A row a spec and seed: recovery of directions, fraction of variance unexplained, active units, dead units, strength
(how large active units are, as a share of the true coefficient) and seconds. Recovery and FVU belong together: a code
can explain everything by directions that are wrong. The last lines say which gates hold; the exit status is 1
unless all of them do.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import as_file, files
from multiprocessing import get_context
from typing import NamedTuple

import torch
from aezoo_sparse.accumulators import directions, nearest

import aezoo

OVERCOMPLETE = ("topk", "batch-topk", "jumprelu", "gated", "matryoshka", "l1")
ORTHONORMAL = ("topk", "batch-topk")
SPECS = [*(f"{name}-dictionary" for name in OVERCOMPLETE), *(f"{name}-orthonormal" for name in ORTHONORMAL)]
#: Samples whose codes are compared with the true coefficients.
COMPARED = 4096


class Row(NamedTuple):
    spec: str
    seed: int
    recovery: float
    fvu: float
    l0: float
    dead: float
    strength: float
    seconds: float


def measured(name: str, seed: int) -> Row:
    """One training, evaluated on its test split."""
    with as_file(files("aezoo_sparse") / "specs") as folder:
        spec = aezoo.read(folder / f"{name}.toml", overrides=[f"training.seed={seed}", f"data.seed={seed}"])
    start = time.process_time()
    run = aezoo.train(spec, device="cpu", threads=1)
    seconds = time.process_time() - start
    assert run.scores is not None
    metrics = run.scores.metrics
    figures = [metrics[key] for key in ("sparse:recovery", "fvu", "sparse:l0", "dead")]
    return Row(name, seed, *figures, strength(run.model), seconds)


def strength(model: aezoo.Model) -> float:
    """Mean of z_i / a_j where true coefficient a_j and the unit i nearest to its direction are both active."""
    data = model.spec.data
    samples, true = data.load(), torch.from_numpy(data.directions())
    nearest_unit = nearest(directions(model.network).detach().double(), true)[1]
    codes = torch.from_numpy(model.encode(samples.values[:COMPARED]))[:, nearest_unit]
    truth = torch.from_numpy(samples.factors[:COMPARED])
    both = (codes > 0) & (truth > 0)
    return (codes[both] / truth[both]).mean().item()


def gates(rows: list[Row]) -> Iterator[tuple[bool, str]]:
    """What must hold, of all seeds together unless it says otherwise."""
    by = {name: [row for row in rows if row.spec == name] for name in SPECS}
    dictionary = {name: by[f"{name}-dictionary"] for name in OVERCOMPLETE}
    yield all(r.recovery >= 0.95 for r in dictionary["topk"]), "top-k recovers 0.95 of the directions, every seed"
    for name in ("topk", "batch-topk", "jumprelu"):
        pairs = list(zip(dictionary[name], dictionary["l1"], strict=True))
        yield all(4.5 <= r.l0 <= 5.5 for pair in pairs for r in pair), f"{name}, l1: L0 is 5 +- 0.5, every seed"
        yield all(r.fvu <= 0.55 * l1.fvu for r, l1 in pairs), f"{name}: at most 0.55 of the FVU of l1, every seed"
        yield all(r.strength >= 0.7 for r, _ in pairs), f"{name}: active units have 0.7 of their strength, every seed"
    yield all(r.strength <= 0.5 for r in dictionary["l1"]), "l1: active units have at most 0.5, every seed"
    for name in ORTHONORMAL:
        passed = [r.recovery >= 0.999 and r.fvu <= 1e-4 for r in by[f"{name}-orthonormal"]]
        yield any(passed), f"{name}, orthonormal: recovery 0.999 and FVU 1e-4, the best seed"
    yield all(r.recovery >= 0.99 for r in by["batch-topk-orthonormal"]), "batch-topk, orthonormal: 0.99, every seed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=SPECS, default=SPECS, metavar="SPEC")
    parser.add_argument("--jobs", type=int, default=1, help="trainings side by side, one thread each")
    arguments = parser.parse_args()
    print("| spec | seed | recovery | FVU | L0 | dead | strength | CPU s |\n|---|---|---|---|---|---|---|---|")
    rows = []
    names, seeds = zip(*((name, seed) for name in arguments.only for seed in arguments.seeds), strict=True)
    # A process each: one thread of torch, and CPU seconds of its own.
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for row in pool.map(measured, names, seeds):
            rows.append(row)
            numbers = f"{row.recovery:.4f} | {row.fvu:.5f} | {row.l0:.2f} | {row.dead:.3f} | {row.strength:.2f}"
            print(f"| {row.spec} | {row.seed} | {numbers} | {row.seconds:.0f} |", flush=True)
    if set(arguments.only) != set(SPECS):
        return 0
    results = list(gates(rows))
    print("", *(f"- {'holds' if holds else 'FAILS'}: {what}" for holds, what in results), sep="\n")
    return 0 if all(holds for holds, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
