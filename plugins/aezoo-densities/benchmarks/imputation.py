"""Hide half of the values of a table at random, and impute them: by the mean, by a VAE of zeros, and by MIWAE.

    python benchmarks/imputation.py wine.csv [--seeds 0 1 2] [--steps N]

The table has numbers alone, a line a sample. All in the units of standardized columns:

- mean: that of a column's known values.
- zeros: what a VAE decodes that takes hidden values for zeros of the standardized table, and knows of no mask.
- vae: the VAE of the known values (`mask`, one draw), imputed by importance weights.
- miwae: the same with 20 draws in training.

The tables of the README are those of `sklearn.datasets`: `numpy.savetxt("wine.csv", load_wine().data, delimiter=",")`,
and likewise `load_breast_cancer().data`.
A row a seed: root mean square error of the hidden values. The exit status is 1 unless miwae is below mean and zeros for
every seed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import aezoo
from aezoo.plugin import Samples

Array = np.ndarray[Any, np.dtype[np.float32]]
#: Draws of each code that values are imputed with.
DRAWS = 1000


def document(columns: int, seed: int, steps: int, *, masked: bool, k: int) -> dict[str, Any]:
    observed = {"mask": "fields.observed"} if masked else {}
    truth = {"type": "densities:imputation_rmse", "k": DRAWS, "truth": "fields.whole"}
    return {
        "name": "imputation",
        "input": {"shape": [columns], "kind": "vector", **({"observed": "fields.observed"} if masked else {})},
        "fields": {"observed": {"shape": [columns]}, "whole": {"shape": [columns]}},
        **observed,
        "encoder": [{"type": "linear", "each": {"features": [128, 128]}, "activation": "tanh"}],
        "latent": {"type": "gaussian", "dim": min(10, columns // 2)},
        "likelihood": {"type": "gaussian", "variance": "learned"},
        "objective": {"type": "densities:iwae", "k": k},
        "metrics": [truth] if masked else [],
        "training": {"steps": steps, "batch_size": 64, "seed": seed, "optimizer": {"lr": 1e-3}},
    }


def hidden_half(table: Array, seed: int) -> tuple[Samples, Array]:
    """The table, standardized by its known values, with zeros for those that are hidden; and which are known."""
    draw = np.random.default_rng(seed)
    known = draw.random(table.shape) < 0.5
    known[np.arange(len(table)), draw.integers(table.shape[1], size=len(table))] = True
    counted = np.where(known, table, np.nan)
    whole = ((table - np.nanmean(counted, axis=0)) / np.nanstd(counted, axis=0)).astype(np.float32)
    mask = known.astype(np.float32)
    return Samples(whole * mask, "table", fields={"observed": mask, "whole": whole}), mask


def errors(table: Array, seed: int, steps: int) -> dict[str, float]:
    samples, mask = hidden_half(table, seed)
    whole, hidden = samples.fields["whole"], mask == 0
    found = {"mean": float(np.sqrt(np.square(whole[hidden]).mean()))}  # the mean of known values is 0
    run = aezoo.train(document(table.shape[1], seed, steps, masked=False, k=1), samples, device="cpu", threads=1)
    again = np.asarray(run.model.reconstruct(samples.values))
    found["zeros"] = float(np.sqrt(np.square(again - whole)[hidden].mean()))
    for name, k in (("vae", 1), ("miwae", 20)):
        run = aezoo.train(document(table.shape[1], seed, steps, masked=True, k=k), samples, device="cpu", threads=1)
        metrics = aezoo.evaluate(run.model, samples, split="all").metrics
        found[name] = metrics["densities:imputation_rmse"]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1000, help="of each training")
    arguments = parser.parse_args()
    table = np.loadtxt(arguments.table, delimiter=",", dtype=np.float32, ndmin=2)
    print("| seed | mean | zeros | vae | miwae | CPU s |\n|---|---|---|---|---|---|")
    holds = True
    for seed in arguments.seeds:
        start = time.process_time()
        found = errors(table, seed, arguments.steps)
        holds &= found["miwae"] < min(found["mean"], found["zeros"])
        figures = " | ".join(f"{found[name]:.3f}" for name in ("mean", "zeros", "vae", "miwae"))
        print(f"| {seed} | {figures} | {time.process_time() - start:.0f} |", flush=True)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
